"""The normalisations of any trunk, found by one pass over two images on the meta device."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from vireid.errors import SettingsError
from vireid.models.trunks.base import Trunk
from vireid.models.trunks.norm_calls import NormCall, Watch
from vireid.structures.sites import Site

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)
LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
ROWS = 2
SHOWN = 5


@dataclass(frozen=True)
class TrunkFacts:
    """Facts of a trunk that one pass over it shows.

    Attributes:
        norms: every normalisation that can be searched, named by its module, in the order of calls; without candidates.
        pixels: height times width of the map at each of them, by its name.
        parameters: of the trunk.
        multiply_adds: of its convolutions on one image; normalisations folded.
        out_channels: of its feature map.
        unused: names of normalisations that are never called; :func:`build` drops them.
    """

    norms: tuple[Site, ...]
    pixels: dict[str, int]
    parameters: int
    multiply_adds: int
    out_channels: int
    unused: tuple[str, ...]


FOUND: dict[tuple[type, str], TrunkFacts] = {}


def discover(trunk: Trunk) -> TrunkFacts:
    """Facts of a trunk. Nothing is computed, and the caller's random state stays as it is. Trunks of equal settings share one pass.

    A site is a layer whose class *is* ``nn.BatchNorm2d``, with weight, bias and running statistics, and whose input has the rows of the
    batch.

    Raises:
        SettingsError: no such layer, one that is called twice, a subclass of ``BatchNorm2d``, lazy or dynamically built layers, another
            size of images needed, or an output that is no feature map.

    Example:
        >>> from vireid.models import ResNet
        >>> facts = discover(ResNet("resnet50"))
        >>> len(facts.norms), facts.norms[3].name, facts.out_channels
        (53, 'layer1.0.bn3', 2048)
    """
    key = (type(trunk), json.dumps(trunk.settings(), sort_keys=True))
    if key not in FOUND:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            FOUND[key] = _look(trunk)
    return FOUND[key]


def build(trunk: Trunk, weights: str | None = None) -> nn.Module:
    """The network of a trunk without the normalisations that it never calls: their parameters would get no gradient."""
    network = trunk.build(weights)
    drop(network, discover(trunk).unused)
    return network


def drop(network: nn.Module, names: Sequence[str]) -> None:
    """Replace modules that are never called."""
    for name in names:
        network.set_submodule(name, nn.Identity())


def require_batch_norms(network: nn.Module, trunk: Trunk) -> None:
    """Refuse a network without ``nn.BatchNorm2d``.

    Raises:
        SettingsError: naming what it has, and how many.
    """
    kinds = Counter(type(module).__name__ for module in network.modules() if isinstance(module, NORMS) or _normalises(module))
    if not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "none at all"
        raise SettingsError(f"{trunk} has no normalisation that can be searched: only BatchNorm2d can, and it has {found}.")


def _normalises(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and not list(module.children())


def _look(trunk: Trunk) -> TrunkFacts:
    network = _on_meta(trunk)
    require_batch_norms(network, trunk)
    watch, output = _pass(network, trunk)
    calls = list(_sites(watch.norms, network, trunk))
    unused = [name for name, module in network.named_modules() if isinstance(module, NORMS) and name not in watch.called]
    if unused:
        drop(network, unused)
        _pass(network, trunk)  # what is used without being called is missed now
    pixels = {site.name: call.pixels for site, call in calls}
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return TrunkFacts(tuple(site for site, _ in calls), pixels, parameters, watch.multiply_adds // ROWS, output.shape[1], tuple(unused))


def _on_meta(trunk: Trunk) -> nn.Module:
    with torch.device("meta" if trunk.builds_on_meta else "cpu"):
        network = trunk.build(None)
    if not isinstance(network, nn.Module):
        raise SettingsError(f"`build` of {trunk} must give a torch.nn.Module, got {type(network).__name__}.")
    values = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    if lazy := [name for name, value in values.items() if is_lazy(value)]:
        raise SettingsError(f"{trunk} has lazy layers, which have no weights yet ({_shown(lazy)}). Give them their numbers of channels.")
    return network.to("meta").train()


def _pass(network: nn.Module, trunk: Trunk) -> tuple[Watch, Tensor]:
    """One training pass over two images."""
    height, width = trunk.image_size
    before = dict(network.named_modules())
    error: Exception | None = None
    output: object = None
    with torch.device("meta"), Watch(network) as watch:
        try:
            output = network(torch.empty(ROWS, 3, height, width))
        except Exception as raised:  # whatever the code of the network stumbles over
            error = raised
    if new := [name for name, module in network.named_modules() if before.get(name) is not module]:
        raise SettingsError(f"{trunk} builds layers while it runs ({_shown(new)}). Build them in the constructor of the network.")
    if error is not None:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise SettingsError(
            f"{trunk} cannot take images of {height} x {width}: {said} If it needs another size, set `image_size` to [height, width]."
        ) from error
    return watch, _checked(output, trunk)


def _checked(output: object, trunk: Trunk) -> Tensor:
    if not isinstance(output, Tensor):
        raise SettingsError(f"{trunk} must give one feature map (B, C, H, W) in training too, got a {type(output).__name__}.")
    if output.dim() != 4 or output.shape[0] != ROWS:
        raise SettingsError(
            f"{trunk} must give a feature map (B, C, H, W), without pooling and classifier; "
            f"of {ROWS} images it gives {tuple(output.shape)}."
        )
    return output


def _sites(calls: Sequence[NormCall], network: nn.Module, trunk: Trunk) -> Iterator[tuple[Site, NormCall]]:
    """Every call of a normalisation that can be searched, as a site."""
    twice = [name for name, count in Counter(call.name for call in calls).items() if count > 1]
    if twice:
        raise SettingsError(f"{trunk} uses normalisations more than once in a forward pass ({_shown(twice)}). Give each place its own.")
    if foreign := [f"{call.name}, a {type(call.module).__name__}" for call in calls if type(call.module) is not nn.BatchNorm2d]:
        raise SettingsError(
            f"{trunk} has subclasses of BatchNorm2d ({_shown(foreign)}). They may do more than normalise, so they are not replaced. "
            "Use plain nn.BatchNorm2d with other layers behind it; for timm's networks, vireid.models.Timm does that."
        )
    found = [call for call in calls if _is_site(call)]
    if not found:
        raise SettingsError(
            f"{trunk} has no normalisation that can be searched: none of its {len(calls)} BatchNorm2d has weight, bias and running "
            "statistics, and an input with the rows of the batch."
        )
    for call, site in zip(found, placed(found, network), strict=True):
        site = replace(site, stage=trunk.stage(site), block=trunk.block(site), role=trunk.role(site))
        yield site, call


def _is_site(call: NormCall) -> bool:
    module = call.module
    complete = all(value is not None for value in (module.weight, module.bias, module.running_mean, module.running_var))
    return complete and call.rows == ROWS


def placed(calls: Sequence[NormCall], network: nn.Module) -> list[Site]:
    """Sites with the stage, block and role that the network itself shows.

    A stage ends where the map shrinks, and a block belongs to the stage in which it ends. A block is the nearest container that holds
    several of these normalisations and whose class the network has more than once; lists of layers do not count. A role is the
    end of the name.
    """
    classes = Counter(type(module) for module in network.modules())
    blocks = {call.name: _block(call.name, network, classes, calls) for call in calls}
    stages: dict[str, int] = {}
    stage, least = 0, calls[0].pixels
    for call in calls:
        if 1 < call.pixels < least:
            stage, least = stage + 1, call.pixels
        stages[call.name] = stage
    last = {blocks[name] or name: stage for name, stage in stages.items()}
    sites = []
    for call in calls:
        block = blocks[call.name]
        role = call.name.removeprefix(f"{block}.") if block else call.name
        sites.append(Site(call.name, (), last[block or call.name], role, call.module.num_features, block=block))
    return sites


def _block(name: str, network: nn.Module, classes: Counter[type], calls: Sequence[NormCall]) -> str:
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        outer = ".".join(parts[:end])
        module = network.get_submodule(outer)
        several = sum(call.name.startswith(f"{outer}.") for call in calls) > 1
        if several and classes[type(module)] > 1 and not isinstance(module, LISTS):
            return outer
    return ""


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
