"""Cosines that depend on two rows alone, not on the other rows that are computed with them.

A matrix product in float32 rounds a pair of rows in another way when it stands elsewhere in the matrix. So such a product decides only
what is clear, by a bound that holds for every order in which it may be summed, and :func:`exact_scores` decides the rest. Products of
pieces of the rows are added, because the bound grows with the numbers that one product sums up: for rows of 512 numbers it is a seventh of
that of one product, so that few pairs are left to float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ROWS = 2**8
"""Rows that are converted to float64 at once. They should fit the CPU's cache."""

PIECES, SHORTEST = 8, 2**6
"""A product of rows is the sum of so many products of pieces, which have at least so many numbers. Its errors of rounding grow with the
length and with the number of the pieces."""

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
        unit[start : start + ROWS] = np.divide(part, np.where(lengths > 0, lengths, 1), out=part)
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


def products_in_pieces(query: Tensor, gallery: Tensor, out: Tensor, memory: Tensor) -> None:
    """Products of ``(q, D)`` and ``(c, D)`` rows, written to ``out`` ``(q, c)``: the sum of products of pieces of the rows.

    Args:
        query, gallery: unit rows.
        out: for the products.
        memory: at least as many numbers, which are overwritten.
    """
    step = _length_of_piece(query.shape[1])
    torch.mm(query[:, :step], gallery[:, :step].T, out=out)
    width = out.stride(0)
    spare = memory[: len(query) * width].view(-1, width)[:, : len(gallery)]
    for start in range(step, query.shape[1], step):
        out += torch.mm(query[:, start : start + step], gallery[:, start : start + step].T, out=spare)


def uncertainty(dimension: int) -> float:
    """How far :func:`products_in_pieces` of two unit rows may be from :func:`exact_scores`, in whatever order a piece is summed.

    A sum of n products in float32, each rounded or not, is off by at most n units of 2^-24 of the sum of their absolute values, and that of
    unit rows is at most 1. Each addition of a piece is off by one unit more. Three more are for the terms of second order, the rounding of
    the rows' lengths and of the bound itself, and for tiny numbers that a processor takes as 0.

    Reference:
        Higham: Accuracy and Stability of Numerical Algorithms, SIAM 2002, section 3.1, equations 3.3 to 3.5 (blocked sums).
    """
    length = _length_of_piece(dimension)
    return (length + -(-dimension // length) - 1 + 3) * 2.0**-24


def _length_of_piece(dimension: int) -> int:
    return min(dimension, max(SHORTEST, -(-dimension // PIECES)))
