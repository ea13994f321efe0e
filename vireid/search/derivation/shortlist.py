"""The few points that are tried: who proposed them, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vireid.search.derivation.measured import Measured
from vireid.structures import Genotype


@dataclass
class Entry:
    """A point of a shortlist.

    Attributes:
        genotype: the point.
        proposers: who named it: constants by their names, scores, ``logits``.
        scores: what cheap scores say of it, by name.
        forks: mAP on held-out people after forks, by the fraction of a training.
    """

    genotype: Genotype
    proposers: list[str] = field(default_factory=list)
    scores: dict[str, Measured] = field(default_factory=dict)
    forks: dict[float, Measured] = field(default_factory=dict)


class Shortlist:
    """Entries in the order in which they were proposed; a point that comes again keeps its place."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, ...], Entry] = {}

    def add(self, genotype: Genotype, proposer: str) -> None:
        """Add a point, or another proposer of one."""
        entry = self._entries.setdefault(key(genotype), Entry(genotype))
        if proposer not in entry.proposers:
            entry.proposers.append(proposer)

    def note(self, genotype: Genotype, score: str, value: Measured) -> None:
        """Note what a score says of a point, if it is on the list."""
        if key(genotype) in self._entries:
            self._entries[key(genotype)].scores[score] = value

    @property
    def entries(self) -> list[Entry]:
        """All entries."""
        return list(self._entries.values())


def key(genotype: Genotype) -> tuple[str, ...]:
    """What tells points of one space apart."""
    return tuple(genotype.choices.values())


def row(entry: Entry, price: float, best: Entry, chosen: bool) -> dict[str, Any]:
    """Plain values of an entry for the provenance of a genotype.

    Args:
        entry: forked at least once.
        price: modality-specific sites.
        best: the best entry, with whose fork of the same length this one's longest is compared, person by person.
        chosen: whether it is the answer.
    """
    last = max(entry.forks)
    behind, error = _behind(best.forks[last], entry.forks[last])
    forks = {f"{fraction:g}": {"mAP": value.value, "error": _number(value.error)} for fraction, value in sorted(entry.forks.items())}
    return {
        "choices": entry.genotype.choices,
        "proposers": entry.proposers,
        "scores": {name: value.value for name, value in entry.scores.items()},
        "forks": forks,
        "behind": behind,
        "behind_error": error,
        "price": price,
        "chosen": chosen,
    }


def _behind(best: Measured, other: Measured) -> tuple[float, float | None]:
    return best.value - other.value, _number(best.error_of_difference(other))


def _number(value: float) -> float | None:
    return value if value == value else None  # JSON has no NaN
