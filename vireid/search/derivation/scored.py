"""A history that grows: each genotype is scored once."""

from __future__ import annotations

from vireid.search.derivation.base import DerivationResult, Score, Scored
from vireid.structures import Genotype


class History:
    """Scores genotypes and remembers them.

    Args:
        score: asked once for each different genotype.
    """

    def __init__(self, score: Score) -> None:
        self.score = score
        self.entries: list[Scored] = []
        self._known: dict[tuple[str, ...], float] = {}

    def add(self, genotype: Genotype) -> Scored:
        """The genotype with its score, at the end of the history."""
        key = tuple(genotype.choices.values())
        if key not in self._known:
            self._known[key] = self.score(genotype)
        self.entries.append(Scored(genotype, self._known[key]))
        return self.entries[-1]

    def result(self) -> DerivationResult:
        """The best entry, the first of equals, and all of them."""
        return DerivationResult(max(self.entries, key=lambda entry: entry.score).genotype, tuple(self.entries))
