"""State dicts of the published CM-NAS code, and ours.

The reference keeps three batch normalisations at every site, whatever the site decides: ``thermal_bn``, ``visible_bn`` and
``sharable_bn``. A child keeps what its decision needs, a supernet keeps all three.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from vireid.models.published.loading import StateReport

REFERENCE_BNS = ("thermal_bn", "visible_bn", "sharable_bn")
_OURS = {
    "visible.": "visible_bn.",
    "infrared.": "thermal_bn.",
    "layers.separate_bn.visible.": "visible_bn.",
    "layers.separate_bn.infrared.": "thermal_bn.",
    "layers.shared_bn.": "sharable_bn.",
}
_ENTRIES = r"(?P<entry>weight|bias|running_mean|running_var|num_batches_tracked)$"
_PARTS = "|".join(re.escape(part) for part in sorted(_OURS, key=len, reverse=True))
_SITE = re.compile(rf"^(?P<site>.*?)\.(?P<part>{_PARTS}){_ENTRIES}")
_PLAIN = re.compile(r"^(?P<site>.*(?:\.bn\d|\.downsample\.1))\." + _ENTRIES)


def reference_name(name: str) -> str:
    """Name in the reference's state of an entry of our network's state.

    Example:
        >>> reference_name("backbone.trunk.layer1.0.downsample.1.infrared.weight")
        'backbone.layer1.0.downsample.bn.thermal_bn.weight'
        >>> reference_name("backbone.trunk.bn1.weight"), reference_name("neck.norm.weight")
        ('backbone.bn1.sharable_bn.weight', 'bnneck.weight')
    """
    if site := _SITE.match(name):
        name = f"{site['site']}.{_OURS[site['part']]}{site['entry']}"
    elif plain := _PLAIN.match(name):
        name = f"{plain['site']}.sharable_bn.{plain['entry']}"
    name = name.replace("backbone.trunk.", "backbone.", 1).replace("neck.norm.", "bnneck.", 1)
    return name.replace(".downsample.0.", ".downsample.conv.").replace(".downsample.1.", ".downsample.bn.")


def load_cmnas_state(network: nn.Module, state: Mapping[str, Tensor]) -> StateReport:
    """Copy a state dict of the published code into a :class:`~vireid.models.ReIDNetwork` over a child or a supernet.

    Args:
        network: ours, already built for the same decisions.
        state: the reference's; a ``module.`` prefix (data parallel) is stripped. Checkpoints hold it under ``model``.

    Returns:
        Names that did not fit, as each side has them; ignored are the batch normalisations that the decision of a site leaves out.

    Raises:
        ValueError: an entry has another shape.

    Example::

        report = load_cmnas_state(network, torch.load("best.pth", weights_only=True))
        print(report.missing, report.unused)
    """
    theirs = {name.removeprefix("module."): value for name, value in state.items()}
    ours = network.state_dict()
    names = {name: reference_name(name) for name in ours}
    for name, value in ours.items():
        found = theirs.get(names[name])
        if found is None:
            continue
        if found.shape != value.shape:
            raise ValueError(f"{names[name]} has shape {tuple(found.shape)}, but {name} needs {tuple(value.shape)}.")
        value.copy_(found)
    used = set(names.values())
    sites = {name.rpartition(".")[0].rpartition(".")[0] for name in used if _reference_bn(name)}
    dead = {name for name in theirs if _reference_bn(name) and name.rpartition(".")[0].rpartition(".")[0] in sites}
    missing = [name for name, other in names.items() if other not in theirs]
    unused = [name for name in theirs if name not in used and name not in dead]
    return StateReport(missing, unused, sorted(dead - used))


def to_cmnas_state(network: nn.Module) -> dict[str, Tensor]:
    """State dict in the reference's names, three batch normalisations at every site.

    Those that a child does not have are dead weight in the reference; they are filled with copies: both separate ones from the
    shared one, the shared one from the visible one.

    Example::

        torch.save(to_cmnas_state(network), "child.pth")
    """
    state = {reference_name(name): value.detach().clone() for name, value in network.state_dict().items()}
    for name in list(state):
        if not _reference_bn(name):
            continue
        prefix, entry = name.rpartition(".")[0].rpartition(".")[0], name.rpartition(".")[2]
        for bn in REFERENCE_BNS:
            state.setdefault(f"{prefix}.{bn}.{entry}", state[_substitute(state, prefix, entry)].clone())
    return state


def _substitute(state: Mapping[str, Tensor], site: str, entry: str) -> str:
    shared = f"{site}.sharable_bn.{entry}"
    return shared if shared in state else f"{site}.visible_bn.{entry}"


def _reference_bn(name: str) -> bool:
    return name.rpartition(".")[0].rpartition(".")[2] in REFERENCE_BNS
