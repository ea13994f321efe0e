"""Points of a space of normalisations from which cheap scores propose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from vireid.structures.sites import Site, groups

Choices = dict[str, str]
Unit = tuple[Site, ...]
SHARED, SEPARATE = "shared_bn", "separate_bn"
MOST_UNITS = 6
"""Units of which every separation is a point: at most 64 points."""


def is_norm_space(sites: Sequence[Site]) -> bool:
    """Whether every site may stay shared, so that the pool and scores without a training mean something.

    The candidates of a normalisation begin as the same pretrained layer, those of a block or a kernel with weights of their own, which
    nothing has trained yet.
    """
    return all(SHARED in site.candidates for site in sites)


def stage_units(sites: Sequence[Site]) -> list[Unit]:
    """Sites by stage, in order; by group of tied sites where such a group spans stages."""
    tied = groups(sites)
    if any(len({site.stage for site in members}) > 1 for members in tied):
        return tied
    stages = dict.fromkeys(site.stage for site in sites)
    return [tuple(site for site in sites if site.stage == stage) for stage in stages]


def norm_pool(sites: Sequence[Site]) -> list[Choices]:
    """Every separation of stages, and every other kind of norm on the first stages.

    Args:
        sites: of a space of normalisations.

    Returns:
        All shared first; then every choice between shared and separate where there are at most 6 stages, else the first ones, the last
        ones and single ones separate; then each other candidate on the first 1, 2, ... all stages. Points that the candidates of a site
        forbid are left out.
    """
    units = stage_units(sites)
    points = [dict.fromkeys((site.name for site in sites), SHARED)]
    points += [changed(sites, chosen, SEPARATE) for chosen in _separations(units)]
    others = dict.fromkeys(name for site in sites for name in site.candidates if name not in (SHARED, SEPARATE))
    points += [changed(sites, units[:count], name) for name in others for count in range(1, len(units) + 1)]
    return unique(point for point in points if is_point(point, sites))


def changed(sites: Sequence[Site], units: Iterable[Unit], candidate: str) -> Choices:
    """``candidate`` in ``units``, shared elsewhere."""
    names = {site.name for unit in units for site in unit}
    return {site.name: candidate if site.name in names else SHARED for site in sites}


def best_sets(sites: Sequence[Site], gains: Sequence[float]) -> list[Choices]:
    """The best quarter, half and three quarters of the groups separate.

    Args:
        sites: of the space.
        gains: what separating each group of tied sites alone gains, in the order of the groups.
    """
    tied = groups(sites)
    order = sorted(range(len(tied)), key=lambda index: -gains[index])
    counts = [round(len(tied) * share) for share in (0.25, 0.5, 0.75)]
    return unique(changed(sites, [tied[index] for index in order[:count]], SEPARATE) for count in counts if count)


def is_point(point: Choices, sites: Sequence[Site]) -> bool:
    """Whether every choice is a candidate of its site."""
    return all(point[site.name] in site.candidates for site in sites)


def unique(points: Iterable[Choices]) -> list[Choices]:
    """The points without repeats, in order."""
    return list({tuple(point.values()): point for point in points}.values())


def _separations(units: Sequence[Unit]) -> list[list[Unit]]:
    if len(units) <= MOST_UNITS:
        return [
            [unit for unit, on in zip(units, code, strict=True) if on] for code in product((False, True), repeat=len(units)) if any(code)
        ]
    count = len(units)
    return [*([unit] for unit in units), *(list(units[:k]) for k in range(2, count + 1)), *(list(units[k:]) for k in range(1, count - 1))]
