"""Pairs of people whom the first counted entry of a ranked list confuses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vireid.results.details import Images, Ranks


@dataclass(frozen=True)
class ConfusedPair:
    """Two people who are taken for one another.

    Attributes:
        people: their numbers, ascending.
        count: queries of one whose first counted entry shows the other.
        query, entry: images of the query and of that entry, of the first such query.
    """

    people: tuple[int, int]
    count: int
    query: int
    entry: int


def first_counted(ranks: Ranks) -> NDArray[np.int64]:
    """``(Q,)`` place of the first counted entry of every query; -1 if none of the kept entries counts."""
    counted = (ranks.entries >= 0) & ~ranks.ignored
    return np.where(counted.any(1), counted.argmax(1), -1)


def confused_pairs(ranks: Ranks, images: Images, most: int = 8) -> list[ConfusedPair]:
    """The pairs that are confused most often, the first by count, then by their numbers.

    Args:
        ranks: of one trial.
        images: its images.
        most: largest number of pairs.
    """
    examples: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for query, entries, place in zip(ranks.query.tolist(), ranks.entries, first_counted(ranks).tolist(), strict=True):
        if place < 0:
            continue
        entry = int(entries[place])
        own, other = int(images.pids[query]), int(images.pids[entry])
        if own != other:
            examples.setdefault((min(own, other), max(own, other)), []).append((query, entry))
    order = sorted(examples, key=lambda pair: (-len(examples[pair]), pair))
    return [ConfusedPair(pair, len(examples[pair]), *examples[pair][0]) for pair in order[:most]]
