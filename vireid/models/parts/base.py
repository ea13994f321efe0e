"""What a configuration may add to a trunk: streams per modality, attention, graphs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from vireid.errors import SettingsError
from vireid.models.backbone import Backbone
from vireid.nn.norm.separate_bn import SeparateBatchNorm2d
from vireid.nn.per_modality import PerModality
from vireid.settings import Recorded


class TrunkPart(Recorded, ABC):
    """A change to a trunk, as plain settings. Derive from it to bring your own."""

    @abstractmethod
    def attach(self, trunk: nn.Module) -> None:
        """Change ``trunk`` in place. Names of layers that stay as they were keep their names where that is possible.

        Raises:
            SettingsError: ``trunk`` has no such place.
        """


class TwoStreams(TrunkPart):
    """Each modality has layers of its own up to one layer, and the modalities share the later layers.

    Both copies start from the same (pretrained) weights. Parts that come before this one in the list are copied too. Parts after it are
    shared.

    Args:
        until: the last child of the trunk that is not shared, such as ``maxpool`` (the stem of a ResNet, as AGW) or ``layer1``
            (CGRNet). The trunk must run its children one after the other in the order in which it has them, as ResNet and OSNet do.

    Raises:
        SettingsError: the trunk has no such child, or streams of that child already, or gives maps from inside it.
    """

    def __init__(self, until: str = "maxpool") -> None:
        self.until = until

    def attach(self, trunk: nn.Module) -> None:
        children = list(dict(trunk.named_children()))
        if self.until not in children:
            raise SettingsError(f"`until` must be a child of the trunk, one of {', '.join(children)}; got {self.until!r}.")
        for name in children[: children.index(self.until) + 1]:
            layer = trunk.get_submodule(name)
            if isinstance(layer, PerModality):
                raise SettingsError(f"`{name}` has a stream per modality already; name TwoStreams once, with the later `until`.")
            if hasattr(trunk, "maps") and isinstance(layer, nn.Sequential):
                kind = type(trunk).__name__
                raise SettingsError(f"{kind} gives maps from inside `{name}`, which modalities must share; end streams before it.")
            if type(layer) is nn.BatchNorm2d:  # the same layers under the same names, without copies of the halves
                setattr(trunk, name, SeparateBatchNorm2d.from_batch_norm(layer))
            elif not isinstance(layer, SeparateBatchNorm2d) and any(True for _ in layer.parameters()):
                setattr(trunk, name, PerModality(layer))


def with_parts(backbone: Backbone, parts: Sequence[TrunkPart]) -> Backbone:
    """The backbone with ``parts`` attached to its trunk, in their order.

    Raises:
        SettingsError: a part that does not fit the trunk.

    Example::

        backbone = with_parts(space.materialise(genotype), [TwoStreams("maxpool"), NonLocalBlocks()])
    """
    for part in parts:
        part.attach(backbone.trunk)
    return Backbone(backbone.trunk, backbone.out_channels) if parts else backbone


def insert_after(trunk: nn.Module, place: str, name: str, module: nn.Module) -> None:
    """Let ``module`` follow a stage (``layer2``) or a block inside one (``layer2.3``) of ``trunk``; no other layer is renamed.

    Args:
        trunk: whose stages are ``nn.Sequential``.
        place: name of the stage or block.
        name: of the new layer: ``<stage>.<name>``, or ``<stage>.<block>_<name>``.
        module: keeps the shape of its input.

    Raises:
        SettingsError: no such place, or it has a layer of this name already.

    Example:
        >>> import torch
        >>> from vireid.models import build_resnet
        >>> trunk = build_resnet("resnet18", width=32)
        >>> insert_after(trunk, "layer2", "own", nn.Dropout2d(0.1))
        >>> trunk(torch.zeros(1, 3, 64, 32)).shape
        torch.Size([1, 256, 4, 2])
    """
    stage, _, block = place.partition(".")
    sequence = getattr(trunk, stage, None)
    if not isinstance(sequence, nn.Sequential) or (block and block not in dict(sequence.named_children())):
        places = [
            f"{parent}{child}"
            for parent, layer in trunk.named_children()
            if isinstance(layer, nn.Sequential)
            for child in ("", *(f".{number}" for number, _ in layer.named_children()))
        ]
        raise SettingsError(f"There is no place {place!r} in this trunk to insert a layer after; choose from {', '.join(places)}.")
    new = f"{block}_{name}" if block else name
    if hasattr(sequence, new):
        raise SettingsError(f"There is a layer {stage}.{new} already; two parts of one kind cannot follow {place!r}.")
    layers = list(sequence.named_children())
    behind = [place for place, (child, _) in enumerate(layers) if not block or child == block or child.startswith(f"{block}_")]
    layers.insert(behind[-1] + 1, (new, module))  # behind parts that were inserted there before
    setattr(trunk, stage, nn.Sequential(OrderedDict(layers)))


def channels_after(trunk: nn.Module, place: str) -> int:
    """Channels that a stage or block gives: those of its last convolution, of its main branch or of its shortcut.

    Raises:
        SettingsError: no such place, or no convolution there.

    Example:
        >>> from vireid.models import build_resnet
        >>> channels_after(build_resnet("resnet18", width=32), "layer2")
        64
    """
    module = dict(trunk.named_modules()).get(place)
    convolutions = [] if module is None else [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    if not convolutions:
        stages = ", ".join(name for name, layer in trunk.named_children() if isinstance(layer, nn.Sequential))
        raise SettingsError(f"There is no stage or block {place!r} with a convolution in this trunk. Its stages are {stages}.")
    return convolutions[-1].out_channels
