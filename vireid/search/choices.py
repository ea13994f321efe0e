"""What is wrong with a genotype, as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from vireid.errors import CheckpointError
from vireid.settings import instantiate
from vireid.structures import Genotype
from vireid.structures.sites import Site, groups

if TYPE_CHECKING:
    from vireid.search.space import SearchSpace

SHOWN = 8


def space_problem(genotype: Genotype, space: SearchSpace) -> list[str]:
    """Difference between the space that a genotype names and ``space``; empty if there is none.

    Settings that the genotype leaves out count as their defaults.
    """
    mine = space.identity()
    if genotype.space.get("class_path") != mine["class_path"]:
        return [f"it belongs to {genotype.space.get('class_path')!r}, not to {mine['class_path']!r}"]
    try:
        theirs = instantiate(dict(genotype.space), allowed=("vireid.", mine["class_path"])).identity()
    except (CheckpointError, ValueError) as error:
        return [f"its space cannot be built ({str(error).rstrip('.')})"]
    pairs = [(name, theirs["init_args"][name], value) for name, value in mine["init_args"].items()]
    return [f"its `{name}` is {found!r}, not {wanted!r}" for name, found, wanted in pairs if found != wanted]


def choice_problems(choices: Mapping[str, str], sites: Sequence[Site]) -> list[str]:
    """Missing, unknown and misspelt sites, unknown candidates, and tied sites that differ."""
    known = {site.name: site.candidates for site in sites}
    missing = [name for name in known if name not in choices]
    problems = []
    for name in choices:
        if name not in known:
            close = get_close_matches(name, missing or list(known), n=1)
            problems.append(f"there is no site {name!r}" + (f" (did you mean {close[0]!r}?)" if close else ""))
    if missing:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        problems.append(f"no choice for {', '.join(missing[:SHOWN])}{more}")
    for name, candidate in choices.items():
        if name in known and candidate not in known[name]:
            problems.append(f"{name} cannot be {candidate!r}, only {' or '.join(known[name])}")
    return [*problems, *tie_problems(choices, sites)]


def tie_problems(choices: Mapping[str, str], sites: Sequence[Site]) -> list[str]:
    """Groups of tied sites whose choices differ; sites without a choice are passed over."""
    problems = []
    for members in groups(sites):
        found = {site.name: choices[site.name] for site in members if site.name in choices}
        if len(set(found.values())) > 1:
            shown = ", ".join(f"{name} {candidate}" for name, candidate in list(found.items())[:SHOWN])
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            problems.append(f"the sites of {members[0].group} are tied but differ ({shown}{more})")
    return problems
