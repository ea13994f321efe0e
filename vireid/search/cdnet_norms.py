"""The batch normalisations of a CDNet or CNet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import torch
from torch import nn

from vireid.errors import SettingsError
from vireid.search.norm_plan import NormPlan, refuse_resnet_settings
from vireid.search.spaces.combined_depth import CombinedDepth
from vireid.structures.cdnet_sites import PUBLISHED, Operations
from vireid.structures.sites import Site

WIDTHS = {"x1_0": 1.0, "x0_75": 0.75, "x0_5": 0.5, "x0_25": 0.25}
CDNETS: dict[str, tuple[Operations, float]] = {
    f"{operations}_{name}": (operations, width) for operations in PUBLISHED for name, width in WIDTHS.items()
}
"""Name of a backbone to its operations and its factor on all channels."""
ROLES = {"squeeze": "squeeze", "conv1": "depthwise", "conv2": "depthwise", "restore": "restore", "expand": "downsample"}


def cdnet_plan(backbone: str, last_stride: int, width: int) -> NormPlan:
    """Plan of a key of :data:`CDNETS`, which means the published genotype, or of another genotype behind a colon.

    ``cdnet_x1_0`` is ``cdnet_x1_0:3x5-1,3x7-2,5x7-2,5x9-1,5x7-2,5x7-1``: the operations of the six blocks in order.

    Raises:
        SettingsError: ``last_stride`` or ``width``, or operations that are none.
    """
    refuse_resnet_settings(backbone, last_stride, width)
    space, operations = _point(backbone)
    return NormPlan(_norms(backbone), partial(_build, space, operations))


def _point(backbone: str) -> tuple[CombinedDepth, tuple[str, ...]]:
    name, _, given = backbone.partition(":")
    operations, factor = CDNETS[name]
    space = CombinedDepth(operations, factor)
    chosen = tuple(given.split(",")) if given else PUBLISHED[operations]
    if len(chosen) != len(space.places) or not set(chosen) <= set(space.layers):
        raise SettingsError(
            f"`backbone` {backbone!r} must name {len(space.places)} of {', '.join(space.layers)} behind the colon, with commas between."
        )
    return space, chosen


def _build(space: CombinedDepth, operations: tuple[str, ...], weights: str | None) -> nn.Module:
    return space.materialise(space.from_names(operations), weights).trunk


@lru_cache(maxsize=32)
def _norms(backbone: str) -> tuple[Site, ...]:
    """Every ``BatchNorm2d`` in the order of execution, which is that of registration."""
    space, operations = _point(backbone)
    with torch.device("meta"):
        trunk = _build(space, operations, None)
    return tuple(_sites(trunk, {place.name: place.stage for place in space.places}))


def _sites(trunk: nn.Module, stages: dict[str, int]) -> Iterator[Site]:
    stage = 0
    for name, module in trunk.named_modules():
        stage = stages.get(name, stage)  # a halving belongs to the stage before it
        if isinstance(module, nn.BatchNorm2d):
            role = "stem" if stage == 0 else next((ROLES[part] for part in name.split(".") if part in ROLES), "transition")
            yield Site(name, (), stage, role, module.num_features)
