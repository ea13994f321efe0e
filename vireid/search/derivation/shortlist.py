"""The few points that are tried, with their proposers and their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from vireid.search.derivation.measured import Measured
from vireid.structures import Genotype


@dataclass
class Entry:
    """A point of a shortlist.

    Attributes:
        genotype: the point.
        proposers: what named it: the name of a constant, the name of a score, or ``logits``.
        scores: values of cheap scores, by name.
        forks: mAP on held-out people after each fork, by the length of the fork as a fraction of a training.
    """

    genotype: Genotype
    proposers: list[str] = field(default_factory=list)
    scores: dict[str, Measured] = field(default_factory=dict)
    forks: dict[float, Measured] = field(default_factory=dict)


class Shortlist:
    """Entries in the order in which they were proposed. A point that is proposed again keeps its place."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, ...], Entry] = {}

    def add(self, genotype: Genotype, proposer: str) -> None:
        """Add a point. If it is on the list already, add only its proposer."""
        entry = self._entries.setdefault(key(genotype), Entry(genotype))
        if proposer not in entry.proposers:
            entry.proposers.append(proposer)

    @property
    def entries(self) -> list[Entry]:
        """All entries."""
        return list(self._entries.values())


def key(genotype: Genotype) -> tuple[str, ...]:
    """The choices of a point, which identify it in its space."""
    return tuple(genotype.choices.values())


def row(entry: Entry, price: float, best: Entry, chosen: bool) -> dict[str, Any]:
    """Plain values of an entry for the provenance of a genotype.

    Args:
        entry: an entry that was forked at least once.
        price: number of modality-specific sites.
        best: the best entry. Its fork of the same length is compared with the longest fork of ``entry``, person by person.
        chosen: whether ``entry`` is the answer.
    """
    last = max(entry.forks)
    behind, error = _behind(best.forks[last], entry.forks[last])
    forks = {f"{fraction:g}": {"mAP": finite(value.value), "error": finite(value.error)} for fraction, value in sorted(entry.forks.items())}
    return {
        "choices": entry.genotype.choices,
        "proposers": entry.proposers,
        "scores": {name: finite(value.value) for name, value in entry.scores.items()},
        "forks": forks,
        "behind": behind,
        "behind_error": error,
        "price": price,
        "chosen": chosen,
    }


def _behind(best: Measured, other: Measured) -> tuple[float | None, float | None]:
    return finite(best.value - other.value), finite(best.error_of_difference(other))


def finite(value: float) -> float | None:
    """The number, ``None`` for one that JSON does not have: a child that diverged, or an error of fewer than two people."""
    return value if math.isfinite(value) else None
