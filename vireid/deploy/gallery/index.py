"""Search of the nearest embeddings: the interface, and the exact search over one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Found = tuple[NDArray[np.int64], Floats]


class Index(Protocol):
    """Embeddings in rows that are numbered from 0 in the order in which they came.

    A deleted row stays, and no mask that is searched holds it.

    Attributes:
        exact: whether the scores it gives are cosines. If not, what it finds is scored again.
    """

    exact: bool

    def add(self, embeddings: Floats) -> None:
        """Append ``(n, D)`` rows of unit length."""

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Forget what rows hold, as far as that moves no memory."""

    def search(self, query: Floats, k: int, masks: Sequence[Mask]) -> list[Found]:
        """The best rows in each mask.

        Args:
            query: ``(D,)`` of unit length.
            k: number of rows; fewer are found if a mask holds fewer.
            masks: ``(N,)`` rows that may be found, one for each result.

        Returns:
            For each mask, rows and scores, the best first; rows with one score in their order.
        """


class ExactIndex:
    """Cosines of the query and every row: one product of a matrix and a vector.

    Args:
        width: D.
        capacity: rows for which memory is taken at once; it doubles when it is used up.
    """

    exact = True

    def __init__(self, width: int, capacity: int = 256) -> None:
        self._matrix: Floats = np.zeros((max(1, capacity), width), np.float32)
        self._rows = 0

    @property
    def matrix(self) -> Floats:
        """``(N, D)`` all rows; those of deleted images are 0."""
        return self._matrix[: self._rows]

    def add(self, embeddings: Floats) -> None:
        needed = self._rows + len(embeddings)
        if needed > len(self._matrix):
            grown = np.zeros((max(needed, 2 * len(self._matrix)), self._matrix.shape[1]), np.float32)
            grown[: self._rows] = self.matrix
            self._matrix = grown
        self._matrix[self._rows : needed] = embeddings
        self._rows = needed

    def remove(self, rows: NDArray[np.int64]) -> None:
        self._matrix[rows] = 0

    def search(self, query: Floats, k: int, masks: Sequence[Mask]) -> list[Found]:
        scores = self.matrix @ query
        return [best_rows(scores, k, mask) for mask in masks]


def best_rows(scores: Floats, k: int, mask: Mask) -> Found:
    """The ``k`` best of the rows in a mask.

    Example:
        >>> best_rows(np.float32([0.1, 0.9, 0.5, 0.5]), 2, np.array([True, False, True, True]))
        (array([2, 3]), array([0.5, 0.5], dtype=float32))
    """
    allowed = np.where(mask, scores, -np.inf).astype(np.float32, copy=False)
    k = min(k, int(np.count_nonzero(mask)))
    if k == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    least = np.partition(allowed, len(allowed) - k)[len(allowed) - k]
    rows = np.flatnonzero(allowed >= least)  # all that are tied with the last, so that their order decides
    rows = rows[np.argsort(-allowed[rows], kind="stable")][:k]
    return rows, allowed[rows]
