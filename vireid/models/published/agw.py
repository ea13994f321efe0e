"""State dicts of the public code of AGW and CAJ, and ours.

The reference builds three whole ResNet-50s and runs the stem of two of them and the stages of the third; its non-local blocks stand
beside the trunk, counted within their stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from vireid.models.published.loading import StateReport

NON_LOCAL = {"theta": "theta", "phi": "phi", "g": "g.0", "out": "W.0", "norm": "W.1"}
_STEM = re.compile(r"backbone\.trunk\.(?P<layer>conv1|bn1)\.(?P<stream>visible|infrared)\.(?P<rest>.+)")
_BLOCK = re.compile(r"backbone\.trunk\.layer(?P<stage>\d)\.(?P<block>\d+)_non_local\.(?P<layer>\w+)\.(?P<rest>.+)")
_STREAMS = {"visible": "visible_module.visible", "infrared": "thermal_module.thermal"}
_DEAD = re.compile(r"(visible_module\.visible|thermal_module\.thermal)\.(layer\d|fc)\.|base_resnet\.base\.(conv1|bn1|fc)\.")


def reference_names(ours: Iterable[str]) -> dict[str, str]:
    """Names in the reference's state of all entries of our network's state.

    Example:
        >>> names = reference_names([f"backbone.trunk.layer3.{block}_non_local.norm.bias" for block in (3, 4, 5)])
        >>> names["backbone.trunk.layer3.4_non_local.norm.bias"]
        'NL_3.1.W.1.bias'
        >>> list(reference_names(["backbone.trunk.bn1.infrared.weight", "neck.norm.weight"]).values())
        ['thermal_module.thermal.bn1.weight', 'bottleneck.weight']
    """
    listed = list(ours)
    found = {(int(block["stage"]), int(block["block"])) for block in map(_BLOCK.fullmatch, listed) if block}
    places = {place: sum(other[0] == place[0] and other < place for other in found) for place in found}
    return {name: _reference_name(name, places) for name in listed}


def _reference_name(name: str, places: Mapping[tuple[int, int], int]) -> str:
    if stem := _STEM.fullmatch(name):
        return f"{_STREAMS[stem['stream']]}.{stem['layer']}.{stem['rest']}"
    if block := _BLOCK.fullmatch(name):
        place = places[int(block["stage"]), int(block["block"])]
        return f"NL_{block['stage']}.{place}.{NON_LOCAL[block['layer']]}.{block['rest']}"
    return name.replace("backbone.trunk.", "base_resnet.base.", 1).replace("neck.norm.", "bottleneck.", 1)


def load_agw_state(network: nn.Module, state: Mapping[str, Tensor]) -> StateReport:
    """Copy a state dict of the public code into a :class:`~vireid.models.ReIDNetwork` with the same parts.

    Args:
        network: ours: a ResNet-50 with :class:`~vireid.models.TwoStreams` up to ``maxpool`` and, for any method but ``base``,
            :class:`~vireid.models.NonLocalBlocks` with ``inner_channels=1``.
        state: the reference's; a ``module.`` prefix (data parallel) is stripped.

    Returns:
        Names that did not fit, as each side has them; ignored are the layers of the three ResNets that never run.

    Raises:
        ValueError: an entry has another shape.

    Example::

        report = load_agw_state(network, torch.load("sysu_agw_best.t", weights_only=True)["net"])
        print(report.missing, report.unused)
    """
    theirs = {name.removeprefix("module."): value for name, value in state.items()}
    ours = network.state_dict()
    names = reference_names(ours)
    for name, value in ours.items():
        found = theirs.get(names[name])
        if found is None:
            continue
        if found.shape != value.shape:
            raise ValueError(f"{names[name]} has shape {tuple(found.shape)}, but {name} needs {tuple(value.shape)}.")
        value.copy_(found)
    left = [name for name in theirs if name not in set(names.values())]
    dead = [name for name in left if _DEAD.match(name)]
    missing = [name for name, other in names.items() if other not in theirs]
    return StateReport(missing, [name for name in left if name not in dead], dead)
