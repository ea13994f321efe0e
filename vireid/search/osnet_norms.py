"""The batch normalisations of an OSNet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from vireid.models.osnet import AIN, NONE, OSNETS, build_osnet
from vireid.nn.osnet_blocks import EXPANSION, OSBLOCKS, STREAMS
from vireid.search.norm_plan import NormPlan, refuse_resnet_settings
from vireid.search.sites import Site
from vireid.structures.osnet_sites import OSNET_SITES


def osnet_plan(backbone: str, last_stride: int, width: int) -> NormPlan:
    """Plan of a key of :data:`~vireid.models.osnet.OSNETS`.

    Plain ones have OSNet-AIN as a hand-made point: IN at the stem, and in the blocks whose last batch normalisation it replaces.

    Raises:
        SettingsError: ``last_stride`` or ``width``.
    """
    refuse_resnet_settings(backbone, last_stride, width)
    _, stem, placements = OSNETS[backbone]
    plain = (stem, placements) == ("bn", NONE)
    return NormPlan(tuple(osnet_norm_sites(backbone)), partial(build_osnet, backbone), {"osnet_ain": _ain} if plain else {})


def osnet_norm_sites(backbone: str) -> Iterator[Site]:
    """Every ``BatchNorm2d`` of an OSNet trunk, from its plan alone, in the order of execution.

    Stages are 0 for the stem, 2 to 4 for those of blocks with the transition behind them, and 5 for ``conv5``; roles are ``stem``,
    ``conv1``, ``stream``, ``conv3`` and ``downsample`` in a block, and ``transition``. What is IN already is no site.

    Args:
        backbone: a key of :data:`~vireid.models.osnet.OSNETS`.

    Example:
        >>> [(site.name, site.channels) for site in osnet_norm_sites("osnet_x0_25")][:3]
        [('conv1.bn', 16), ('conv2.0.conv1.bn', 16), ('conv2.0.conv2.0.layers.0.bn', 16)]
    """
    channels, stem, placements = OSNETS[backbone]
    placed = dict(zip(OSNET_SITES, placements, strict=True))
    if stem == "bn":
        yield Site("conv1.bn", (), 0, "stem", channels[0])
    for stage, (before, after) in enumerate(pairwise(channels), start=2):
        yield from _block_sites(f"conv{stage}.0", placed[f"conv{stage}.0"], before, after)
        yield from _block_sites(f"conv{stage}.1", placed[f"conv{stage}.1"], after, after)
        if stage < 4:
            yield Site(f"pool{stage}.0.bn", (), stage, "transition", after)
    yield Site("conv5.bn", (), 5, "transition", channels[-1])


def _block_sites(name: str, placement: str, before: int, after: int) -> Iterator[Site]:
    stage, middle = int(name[4]), after // EXPANSION
    yield Site(f"{name}.conv1.bn", (), stage, "conv1", middle)
    for stream in range(STREAMS):
        for layer in range(stream + 1):
            yield Site(f"{name}.conv2.{stream}.layers.{layer}.bn", (), stage, "stream", middle)
    if OSBLOCKS[placement].keeps_bn:
        yield Site(f"{name}.conv3.bn", (), stage, "conv3", after)
    if before != after:
        yield Site(f"{name}.downsample.bn", (), stage, "downsample", after)


def _ain(site: Site) -> str:
    inside = {f"{name}.conv3.bn" for name, placement in zip(OSNET_SITES, AIN, strict=True) if placement == "in"}
    return "in" if site.role == "stem" or site.name in inside else "shared_bn"
