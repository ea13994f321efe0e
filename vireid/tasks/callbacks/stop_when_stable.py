"""When the order of candidates no longer changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class StableRanking:
    """Counts for how many epochs in a row a ranking has stayed as it was.

    Example:
        >>> stability = StableRanking()
        >>> [stability.update({"a": ["x", "y"]}), stability.update({"a": ["x", "y"]}), stability.update({"a": ["y", "x"]})]
        [0, 1, 0]

    Reference:
        The stopping rule of DARTS+ (Liang et al., 2019), arXiv 1909.06035.
    """

    def __init__(self) -> None:
        self.ranking: dict[str, list[str]] | None = None
        self.unchanged = 0

    def update(self, ranking: Mapping[str, Sequence[str]]) -> int:
        """Take in the ranking after one more epoch; the number of epochs since it last changed."""
        now = {name: list(order) for name, order in ranking.items()}
        self.unchanged = self.unchanged + 1 if now == self.ranking else 0
        self.ranking = now
        return self.unchanged

    def state_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"ranking": self.ranking, "unchanged": self.unchanged}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.ranking, self.unchanged = state["ranking"], int(state["unchanged"])
