"""Points of a space of normalisations from which cheap scores propose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from vireid.structures.sites import Site, groups

Choices = dict[str, str]
Unit = tuple[Site, ...]
SHARED, SEPARATE = "shared_bn", "separate_bn"
BEST_SHARES = (0.25, 0.5, 0.75)
"""Shares of the groups of tied sites that are separate in the points that a score adds to the pool of an untied space."""
MOST_UNITS = 6
"""Up to this number of units, the pool holds every separation: at most 64 points."""


def is_norm_space(sites: Sequence[Site]) -> bool:
    """Whether every site has the candidate ``shared_bn``. Only then do the pool and scores without a training have a meaning.

    All candidates of a normalisation begin as the same pretrained layer. Those of a block or a kernel begin with weights of their own,
    which were never trained.
    """
    return all(SHARED in site.candidates for site in sites)


def stage_units(sites: Sequence[Site]) -> list[Unit]:
    """Sites by stage, in order. Where a group of tied sites spans several stages, the units are the groups instead."""
    tied = groups(sites)
    if any(len({site.stage for site in members}) > 1 for members in tied):
        return tied
    stages = dict.fromkeys(site.stage for site in sites)
    return [tuple(site for site in sites if site.stage == stage) for stage in stages]


def norm_pool(sites: Sequence[Site]) -> list[Choices]:
    """Every separation of stages, and every other kind of norm on the first stages.

    Args:
        sites: all sites of a space of normalisations.

    Returns:
        Points in this order. The first has all sites shared. With at most 6 stages, every choice between shared and separate follows; with
        more, single stages, the first ones and the last ones are separate. Then each other candidate is on the first 1, 2, ... all
        stages. A point is left out where a site lacks its candidate.
    """
    units = stage_units(sites)
    points = [dict.fromkeys((site.name for site in sites), SHARED)]
    points += [changed(sites, chosen, SEPARATE) for chosen in _separations(units)]
    others = dict.fromkeys(name for site in sites for name in site.candidates if name not in (SHARED, SEPARATE))
    points += [changed(sites, units[:count], name) for name in others for count in range(1, len(units) + 1)]
    return unique(point for point in points if is_point(point, sites))


def changed(sites: Sequence[Site], units: Iterable[Unit], candidate: str) -> Choices:
    """The point with ``candidate`` at the sites of ``units``, and shared elsewhere."""
    names = {site.name for unit in units for site in unit}
    return {site.name: candidate if site.name in names else SHARED for site in sites}


def best_sets(sites: Sequence[Site], gains: Sequence[float]) -> list[Choices]:
    """Three points, in which the best quarter, half and three quarters of the groups are separate.

    Args:
        sites: all sites of the space.
        gains: gain of each group of tied sites when it alone is separate, in the order of the groups.
    """
    tied = groups(sites)
    order = sorted(range(len(tied)), key=lambda index: -gains[index])
    counts = [round(len(tied) * share) for share in BEST_SHARES]
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
