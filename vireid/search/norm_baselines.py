"""Hand-made placements of normalisations, as reference points of a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vireid.search.problems import tie_problems
from vireid.search.sites import Site
from vireid.structures.resnet_sites import RESNETS

Placement = Callable[[Site], str]


def norm_baselines(backbone: str, norms: Sequence[Site], sites: Sequence[Site]) -> dict[str, dict[str, str]]:
    """Choices of every baseline that a space can express, by name.

    ``all_...`` means every site of the space. The other names describe the whole network, so a space has them only if every
    normalisation that is no site stays shared, every choice is a candidate and ties hold.

    Args:
        backbone: a key of :data:`~vireid.structures.resnet_sites.RESNETS`.
        norms: every normalisation of the trunk.
        sites: those that are choices.
    """
    choices: dict[str, dict[str, str]] = {}
    for candidate in norms[0].candidates:
        choices[f"all_{candidate.removesuffix('_bn')}"] = {site.name: candidate for site in sites}
    free = {site.name for site in sites}
    for name, place in {**SEPARATIONS, "ibn_a": _ibn_a, "ibn_b": _ibn_b(backbone)}.items():
        if all(site.name in free or place(site) == "shared_bn" for site in norms):
            choices[name] = {site.name: place(site) for site in sites}
    return {name: point for name, point in choices.items() if _is_point(point, sites)}


def _is_point(choices: dict[str, str], sites: Sequence[Site]) -> bool:
    return all(choices[site.name] in site.candidates for site in sites) and not tie_problems(choices, sites)


def _separate(chosen: Callable[[Site], bool]) -> Placement:
    return lambda site: "separate_bn" if chosen(site) else "shared_bn"


SEPARATIONS: dict[str, Placement] = {
    "stem_separate": _separate(lambda site: site.stage == 0),
    "stages_1": _separate(lambda site: site.stage <= 1),
    "stages_1_2": _separate(lambda site: site.stage <= 2),
    "stages_1_2_3": _separate(lambda site: site.stage <= 3),
    "only_stage_4": _separate(lambda site: site.stage == 4),
    "only_downsample": _separate(lambda site: site.role == "downsample"),
}


def _ibn_a(site: Site) -> str:
    return "ibn" if site.role == "bn1" and site.stage <= 3 else "shared_bn"


def _ibn_b(backbone: str) -> Placement:
    kind, depths = RESNETS[backbone]
    last = "bn2" if kind == "basic" else "bn3"
    places = {"bn1", *(f"layer{stage}.{depths[stage - 1] - 1}.{last}" for stage in (1, 2))}
    return lambda site: "in" if site.name in places else "shared_bn"
