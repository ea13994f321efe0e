"""Points that are on every shortlist, whatever their scores are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vireid.errors import GenotypeError, SettingsError
from vireid.search.derivation.pool import SEPARATE, SHARED, changed, is_norm_space, is_point, stage_units
from vireid.search.space import SearchSpace
from vireid.structures import Genotype
from vireid.structures.sites import Site

EARLY_STAGES = 3
"""Stages that the early IBN point changes: the stem and two more, as in IBN-Net's first half."""
EARLY_KINDS = ("separate_ibn", "ibn")
MOST_KINDS, MOST_BASELINES = 5, 16
"""Largest number of constants of a space of normalisations, and of another space of this package, which are its baselines."""
Constant = dict[str, str] | str


def default_constants(space: SearchSpace) -> dict[str, Genotype]:
    """All sites shared, all separate, the first or the last stage separate, and IBN early, as far as the space has these points.

    No cheap score is right everywhere, and most of its errors are at these ends. So these points are always tried.

    Returns:
        Name to point. For a space whose choices are not normalisations, these are its baselines.
    """
    sites = space.sites()
    if not is_norm_space(sites):
        return space.baselines()
    units = stage_units(sites)
    points = {"all_shared": changed(sites, [], SHARED)}
    points |= {"all_separate": changed(sites, units, SEPARATE), "first_separate": changed(sites, units[:1], SEPARATE)}
    points["last_separate"] = changed(sites, units[-1:], SEPARATE)
    early = [site for unit in units[:EARLY_STAGES] for site in unit]
    kind = next((kind for kind in EARLY_KINDS if all(kind in site.candidates for site in early)), None)
    if kind:
        points[f"early_{kind}"] = changed(sites, units[:EARLY_STAGES], kind)
    return {name: space.genotype(point) for name, point in points.items() if is_point(point, sites)}


def most_constants(sites: Sequence[Site]) -> int:
    """Largest number of points that :func:`default_constants` gives for a space of this package."""
    return MOST_KINDS if is_norm_space(sites) else MOST_BASELINES


def given_constants(space: SearchSpace, wanted: Sequence[Constant]) -> dict[str, Genotype]:
    """Points that are given by the name of a baseline, or by their choices.

    Raises:
        SettingsError: the space has no such point.
    """
    found: dict[str, Genotype] = {}
    for number, one in enumerate(wanted):
        try:
            name, point = (one, space.baseline(one)) if isinstance(one, str) else (f"constant {number + 1}", space.genotype(_plain(one)))
        except GenotypeError as error:
            raise SettingsError(f"`constants`, entry {number + 1}: {error}") from error
        found[name] = point
    return found


def _plain(choices: Mapping[str, str]) -> dict[str, str]:
    return {str(name): str(candidate) for name, candidate in choices.items()}
