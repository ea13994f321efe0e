"""Faults of a genotype, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from vireid.errors import SettingsError
from vireid.structures.sites import Site, groups

SHOWN = 8


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


def check_same_sites(space: str, now: Sequence[str], before: Sequence[str], when: str) -> None:
    """Refuse a space whose sites are not those from before.

    Args:
        space: name of its class.
        now, before: names of the sites, in order.
        when: in words, when the sites were ``before``.

    Raises:
        SettingsError: the sites differ; the message names them.
    """
    if list(now) != list(before):
        changed = [name for name in [*before, *now] if (name in now) != (name in before)]
        what = f"{', '.join(changed[:SHOWN])}" if changed else "their order"
        raise SettingsError(
            f"The sites of {space} are not those of {when} ({what} changed). Logits and genotypes need the same sites in the same order "
            "each time: they must follow from the arguments of the space alone."
        )


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
