"""Which normalisations of a network become choices, with which candidates, and which of them are tied."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Literal

from vireid.errors import SettingsError
from vireid.nn.norm.norm_candidates import norm_candidate
from vireid.structures.norm_candidates import CANDIDATES
from vireid.structures.sites import Site, groups

Tie = Literal["none", "block", "stage", "role"]

GROUP_NAMES: dict[str, Callable[[Site], str]] = {
    "none": lambda site: "",  # noqa: ARG005  # a group of its own
    "block": lambda site: site.block,
    "stage": lambda site: f"layer{site.stage}" if site.stage else "stem",
    "role": lambda site: site.role,
}


INSTANCE = ("in", "ibn", "separate_ibn")
"""Candidates that need more than one pixel."""


def on_maps(norms: Sequence[Site], pixels: Mapping[str, int], candidates: tuple[str, ...], trunk: str) -> tuple[Site, ...]:
    """Normalisations with their candidates: on a map of one pixel there is no instance to normalise.

    Args:
        norms: every normalisation of a trunk, without candidates.
        pixels: of their maps.
        candidates: of the space.
        trunk: its name, for the warning.
    """
    lost = [name for name in INSTANCE if name in candidates]
    tiny = [norm.name for norm in norms if pixels[norm.name] == 1] if lost else []
    if tiny:
        warnings.warn(f"{trunk}: maps of 1 x 1 have no instance to normalise: {', '.join(tiny)} lose {', '.join(lost)}.", stacklevel=2)
    fewer = tuple(candidate for candidate in candidates if candidate not in lost)
    return tuple(replace(norm, candidates=fewer if norm.name in tiny else candidates) for norm in norms)


def ordered_candidates(candidates: Sequence[str], argument: str) -> tuple[str, ...]:
    """At least two different known candidates, in the order of :data:`vireid.nn.CANDIDATES`.

    Args:
        candidates: ids in any order.
        argument: its name, for messages.

    Raises:
        SettingsError: unknown, repeated or fewer than two candidates.
    """
    for name in candidates:
        norm_candidate(name)
    if len(candidates) < 2 or len(set(candidates)) != len(candidates):
        raise SettingsError(
            f"{argument} must name at least two candidates, each once: one leaves nothing to choose. Got {list(candidates)}."
        )
    return tuple(sorted(candidates, key=CANDIDATES.index))


def ordered_subset(candidates: Sequence[str], of: Sequence[str], pattern: str) -> tuple[str, ...]:
    """As :func:`ordered_candidates` for a subset of the candidates ``of`` a space.

    Raises:
        SettingsError: also for a candidate that is not among them.
    """
    ordered = ordered_candidates(candidates, f"`subsets` of {pattern!r}")
    if not set(ordered) <= set(of):
        raise SettingsError(f"`subsets` of {pattern!r} must be among `candidates` ({', '.join(of)}), got {', '.join(ordered)}.")
    return ordered


def select_sites(norms: Sequence[Site], patterns: Sequence[str], subsets: Mapping[str, tuple[str, ...]], tie: Tie) -> tuple[Site, ...]:
    """The sites among all normalisations of a network.

    Args:
        norms: every normalisation, with the candidates of the space.
        patterns: a normalisation becomes a site if its name matches one of them (``*``, ``?`` and ``[...]`` as in a shell; ``*``
            also matches dots).
        subsets: candidates of the sites that match a pattern; the last match counts.
        tie: what is tied, see :class:`~vireid.search.JointNorm`.

    Raises:
        SettingsError: a pattern without a match, an unknown kind of tie, or tied sites with different candidates.
    """
    if isinstance(patterns, str) or not patterns:
        raise SettingsError(f"`sites` must be a list of patterns of site names, such as ['bn1', 'layer1.*'], got {patterns!r}.")
    if tie not in GROUP_NAMES:
        raise SettingsError(f"`tie` must be one of {', '.join(GROUP_NAMES)}, got {tie!r}.")
    _check_patterns("sites", patterns, norms)
    chosen = {site.name: site for site in norms if any(_matches(site, pattern) for pattern in patterns)}
    _check_patterns("subsets", tuple(subsets), tuple(chosen.values()))
    narrowed = (_narrowed(site, subsets) for site in chosen.values())
    tied = tuple(replace(site, group=GROUP_NAMES[tie](site)) for site in narrowed if len(site.candidates) > 1)
    if not tied:
        raise SettingsError("No site has two candidates left, so there is nothing to search. Change `sites`, `candidates` or `subsets`.")
    for members in groups(tied):
        other = next((site for site in members if site.candidates != members[0].candidates), members[0])
        if other is not members[0]:
            raise SettingsError(
                f"The sites of {other.group} are tied, so they must have the same candidates, but {members[0].name} has "
                f"{', '.join(members[0].candidates)} and {other.name} has {', '.join(other.candidates)}. Change `subsets` or `tie`."
            )
    return tied


def _narrowed(site: Site, subsets: Mapping[str, tuple[str, ...]]) -> Site:
    """With the candidates of the last subset that matches, of those that it may have at all."""
    found = [candidates for pattern, candidates in subsets.items() if _matches(site, pattern)]
    return replace(site, candidates=tuple(name for name in found[-1] if name in site.candidates)) if found else site


def _matches(site: Site, pattern: str) -> bool:
    return fnmatchcase(site.name, pattern)


def _check_patterns(argument: str, patterns: Sequence[str], sites: Sequence[Site]) -> None:
    names = [site.name for site in sites]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            close = get_close_matches(pattern, names, n=3, cutoff=0.4) or names[:3]
            raise SettingsError(f"`{argument}`: the pattern {pattern!r} matches no site. Close names: {', '.join(close)}.")
