"""Hand-made placements of normalisations, as reference points of a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vireid.models.trunks.base import Placement
from vireid.search.choices import tie_problems
from vireid.structures.sites import Site


def norm_baselines(
    candidates: Sequence[str], norms: Sequence[Site], sites: Sequence[Site], placements: Mapping[str, Placement]
) -> dict[str, dict[str, str]]:
    """Choices of every baseline that a space can express, by name.

    ``all_...`` means every site of the space. The other names describe the whole network, so a space has them only if they change
    anything, every normalisation that is no site stays shared, every choice is a candidate and ties hold.

    Args:
        candidates: of the space.
        norms: every normalisation of the trunk.
        sites: those that are choices.
        placements: what the trunk has beside the separations that every one has.
    """
    choices: dict[str, dict[str, str]] = {}
    for candidate in candidates:
        choices[f"all_{candidate.removesuffix('_bn')}"] = {site.name: candidate for site in sites}
    free = {site.name for site in sites}
    for name, place in {**_separations(norms), **placements}.items():
        changed = {site.name for site in norms if place(site) != "shared_bn"}
        if changed and changed <= free:
            choices[name] = {site.name: place(site) for site in sites}
    return {name: point for name, point in choices.items() if _is_point(point, sites)}


def _is_point(choices: dict[str, str], sites: Sequence[Site]) -> bool:
    return all(choices[site.name] in site.candidates for site in sites) and not tie_problems(choices, sites)


def _separations(norms: Sequence[Site]) -> dict[str, Placement]:
    """Separate in the stem, in the stem and the first stages, in the last stage, in shortcuts."""
    stages = sorted({site.stage for site in norms} - {0})
    found = {"stem_separate": _separate(lambda site: site.stage == 0)}
    for count, last in enumerate(stages[:-1], start=1):
        found[f"stages_{'_'.join(map(str, stages[:count]))}"] = _separate(lambda site, last=last: site.stage <= last)  # type: ignore[misc]
    if stages:
        found[f"only_stage_{stages[-1]}"] = _separate(lambda site: site.stage == stages[-1])
    found["only_downsample"] = _separate(lambda site: site.role == "downsample")
    return found


def _separate(chosen: Callable[[Site], bool]) -> Placement:
    return lambda site: "separate_bn" if chosen(site) else "shared_bn"
