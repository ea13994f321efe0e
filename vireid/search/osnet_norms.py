"""The batch normalisations of an OSNet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from vireid.errors import SettingsError
from vireid.models.trunks.osnet import AIN, NONE, OSNETS, build_trunk
from vireid.models.trunks.osnet_blocks import EXPANSION, OSBLOCKS, STREAMS
from vireid.search.norm_plan import NormPlan, refuse_resnet_settings
from vireid.structures.osnet_sites import OSNET_SITES, Channels
from vireid.structures.sites import Site


def osnet_plan(backbone: str, last_stride: int, width: int) -> NormPlan:
    """Plan of a key of :data:`~vireid.models.trunks.osnet.OSNETS`, or of that network with other placements behind a colon.

    ``osnet_ain_x1_0`` is ``osnet_ain_x1_0:in,in,none,in,in,none``: the placements of the six blocks in order. Plain ``osnet_...`` have
    OSNet-AIN as a hand-made point: IN at the stem, and in the blocks whose last batch normalisation it replaces.

    Raises:
        SettingsError: ``last_stride`` or ``width``, or placements that are none.
    """
    refuse_resnet_settings(backbone, last_stride, width)
    name, _, given = backbone.partition(":")
    channels, stem, published = OSNETS[name]
    placements = tuple(given.split(",")) if given else published
    if len(placements) != len(OSNET_SITES) or not set(placements) <= set(OSBLOCKS):
        raise SettingsError(
            f"`backbone` {backbone!r} must name {len(OSNET_SITES)} of {', '.join(OSBLOCKS)} behind the colon, with commas between."
        )
    plain = (stem, placements) == ("bn", NONE)
    sites = tuple(osnet_norm_sites(channels, stem, placements))
    return NormPlan(sites, partial(build_trunk, channels, placements, stem), {"osnet_ain": _ain} if plain else {})


def osnet_norm_sites(channels: Channels, stem: str, placements: Sequence[str]) -> Iterator[Site]:
    """Every ``BatchNorm2d`` of an OSNet trunk, from its plan alone, in the order of execution.

    Stages are 0 for the stem, 2 to 4 for those of blocks with the transition behind them, and 5 for ``conv5``; roles are ``stem``,
    ``conv1``, ``stream``, ``conv3`` and ``downsample`` in a block, and ``transition``. What is IN already is no site.

    Args:
        channels, stem, placements: see :class:`~vireid.models.OSNetTrunk`.

    Example:
        >>> [(site.name, site.channels) for site in osnet_norm_sites((16, 64, 96, 128), "bn", NONE)][:3]
        [('conv1.bn', 16), ('conv2.0.conv1.bn', 16), ('conv2.0.conv2.0.layers.0.bn', 16)]
    """
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
