"""The places of a network where an architecture makes a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """One choice of a search space.

    Attributes:
        name: stable name; for a normalisation, the module name in the trunk.
        candidates: ids, in the order of architecture parameters; ties go to the first.
        stage: 0 for the stem, 1..4 for the stages of a ResNet, 2..5 for ``conv2`` .. ``conv5`` of an OSNet, 1..3 for
            those of a CDNet; for other trunks, how many times the map shrank before the site.
        role: role of the site in its block, such as ``bn1`` or ``downsample``; ``stem`` for the stem.
        channels: channels that the site normalises.
        block: name of the module that is tied by ``tie: block``, such as ``layer1.0``; empty for a site that stands alone.
        group: sites of one group are tied: they share one row of architecture parameters. Empty for a group of its own.
    """

    name: str
    candidates: tuple[str, ...]
    stage: int = 0
    role: str = ""
    channels: int | None = None
    group: str = ""
    block: str = ""


def groups(sites: Sequence[Site]) -> list[tuple[Site, ...]]:
    """Sites by free choice, in the order of their first members. A site without a group is a choice of its own.

    Example:
        >>> sites = [Site("a", ("x", "y")), Site("b", ("x", "y"), group="tied"), Site("c", ("x", "y"), group="tied")]
        >>> [len(members) for members in groups(sites)]
        [1, 2]
    """
    found: dict[tuple[str, str], list[Site]] = {}
    for site in sites:
        found.setdefault((site.group, "" if site.group else site.name), []).append(site)
    return [tuple(members) for members in found.values()]
