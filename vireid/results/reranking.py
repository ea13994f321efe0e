"""Re-ranking as an option of an evaluation."""

from __future__ import annotations

from torch import Tensor

from vireid.errors import SettingsError
from vireid.metrics.functional import Neighbours, rerank_embeddings
from vireid.settings import Recorded


class Reranking(Recorded):
    """Settings of k-reciprocal re-ranking. It uses Euclidean distances of normalised embeddings of the query and gallery of one trial.

    Args:
        k1: number of neighbours that may be reciprocal, at least 1.
        k2: number of neighbours, the image included, whose descriptions are averaged; 1 for no average.
        lambda_value: weight of the distance before re-ranking, 0 to 1.
        neighbours: ``faithful`` to the common code, or ``corrected``: every image is first in its own list of neighbours. See
            :func:`vireid.metrics.k_reciprocal_rerank`.

    Raises:
        SettingsError: a number is out of range.
    """

    def __init__(self, k1: int = 20, k2: int = 6, lambda_value: float = 0.3, neighbours: Neighbours = "faithful") -> None:
        if min(k1, k2) < 1:
            raise SettingsError(f"`k1` and `k2` must be at least 1, got {k1} and {k2}.")
        if not 0 <= lambda_value <= 1:
            raise SettingsError(f"`lambda_value` must lie in [0, 1], got {lambda_value}.")
        self.k1 = k1
        self.k2 = k2
        self.lambda_value = lambda_value
        self.neighbours = neighbours

    @property
    def variant(self) -> str:
        """Text that marks the rows of results."""
        corrected = ", corrected neighbours" if self.neighbours == "corrected" else ""
        return f"re-ranked (k1={self.k1}, k2={self.k2}, lambda={self.lambda_value:g}{corrected})"

    def __call__(self, query: Tensor, gallery: Tensor) -> Tensor:
        """``(Q, G)`` re-ranked distances of ``(Q, D)`` and ``(G, D)`` embeddings."""
        return rerank_embeddings(query, gallery, self.k1, self.k2, self.lambda_value, self.neighbours)
