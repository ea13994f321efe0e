"""Cosines that depend on two rows alone, not on the other rows that are computed with them.

A matrix product in float32 rounds a pair of rows in another way when it stands elsewhere in the matrix. So such a product decides only
what is clear, and :func:`exact_scores` decides the rest.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 2**8
"""Rows that are converted to float64 at once. They should fit the CPU's cache."""

Rows = NDArray[np.float32]


class NotFiniteError(ValueError):
    """Embeddings hold NaN or infinity."""


def unit_rows(embeddings: NDArray[Any]) -> Rows:
    """``(N, D)`` float32 rows of unit length; rows of zeros stay.

    Args:
        embeddings: ``(N, D)`` numbers.

    Raises:
        NotFiniteError: some are not finite.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    unit = np.empty(embeddings.shape, np.float32)
    for start in range(0, len(embeddings), ROWS):
        part = embeddings[start : start + ROWS].astype(np.float64)
        lengths = np.sqrt(np.square(part).sum(1, keepdims=True))
        if not np.isfinite(lengths).all():
            raise NotFiniteError("Embeddings must be finite, but hold NaN or infinity; has training diverged?")
        unit[start : start + ROWS] = np.divide(part, lengths, out=np.zeros_like(part), where=lengths > 0)
    return unit


def exact_scores(query: Rows, gallery: Rows, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """``(P,)`` cosines of pairs, in float64. Equal rows have equal cosines, wherever they stand.

    Args:
        query, gallery: ``(Q, D)`` and ``(G, D)`` rows of unit length.
        rows, columns: ``(P,)`` row of ``query`` and of ``gallery`` of each pair.
    """
    found = np.empty(len(rows))
    for start in range(0, len(rows), ROWS):
        part = slice(start, start + ROWS)
        products = query[rows[part]].astype(np.float64)
        products *= gallery[columns[part]]
        found[part] = products.sum(1)
    return found


def uncertainty(dimension: int) -> float:
    """How far a float32 product of two unit rows may be from :func:`exact_scores`, in whatever order it is summed.

    It is ten deviations of a sum of ``dimension`` independent rounding errors, each uniform. For more than 36 numbers that is less than the
    bound that holds always, and is passed less than once in 10^21 pairs.

    Reference:
        Higham: Accuracy and Stability of Numerical Algorithms, SIAM 2002, section 3.1; Higham and Mary: A New Approach to Probabilistic
        Rounding Error Analysis, SIAM Journal on Scientific Computing 2019, theorem 2.4.
    """
    return (min(dimension, 6 * math.sqrt(dimension)) + 4) * 2.0**-24
