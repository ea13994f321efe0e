"""Searches of an open set in a gallery, block by block: exact, and never the whole matrix of scores. Only NumPy is needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vireid.metrics.open_set import Searches

BLOCK = 2**24
"""Scores computed at once."""

Scores = Callable[[slice], NDArray[np.floating]]
Ignored = Callable[[slice], NDArray[np.bool_]]


def search_people(scores: Scores, query_people: ArrayLike, gallery_people: ArrayLike, ignored: Ignored | None = None) -> Searches:
    """Search every query in the gallery twice: as it is, and with the query's own person taken out.

    Args:
        scores: gives ``(q, G)`` scores of a slice of the queries, larger is closer; they are overwritten.
        query_people: ``(Q,)`` labels.
        gallery_people: ``(G,)`` labels of the same kind.
        ignored: gives ``(q, G)`` bool for a slice of the queries: entries that a protocol does not count. ``None``: all count.

    Returns:
        Best scores. A query all of whose entries are ignored has NaN.

    Raises:
        ValueError: there are no queries or no gallery.

    Example:
        >>> table = np.array([[0.9, 0.3, 0.4], [0.2, 0.8, 0.1]])
        >>> found = search_people(lambda rows: table[rows].copy(), [7, 9], [7, 8, 8])
        >>> found.mated.tolist(), found.non_mated.tolist(), found.ranks.tolist(), found.size
        ([0.9, nan], [0.4, 0.8], [1.0, nan], 2)
    """
    wanted, present = np.asarray(query_people), np.asarray(gallery_people)
    if wanted.ndim != 1 or present.ndim != 1 or not (len(wanted) and len(present)):
        raise ValueError(f"Both queries and gallery are needed, got {wanted.shape} and {present.shape} labels.")
    names, codes = np.unique(present, return_inverse=True)
    order = np.argsort(codes, kind="stable")  # a person's images side by side
    starts = np.searchsorted(codes[order], np.arange(len(names)))
    own = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    enrolled = names[own] == wanted
    mated, non_mated, ranks = np.full((3, len(wanted)), np.nan)
    sizes = 0
    step = max(1, BLOCK // len(present))
    for start in range(0, len(wanted), step):
        rows = slice(start, min(start + step, len(wanted)))
        block = np.asarray(scores(rows))
        if ignored is not None:
            block[ignored(rows)] = -np.inf
        best = np.maximum.reduceat(block[:, order], starts, axis=1)  # (q, people)
        at = np.arange(len(best)), own[rows]
        mate = np.where(enrolled[rows], best[at], -np.inf)
        best[at] = np.where(enrolled[rows], -np.inf, best[at])
        mated[rows], non_mated[rows] = mate, best.max(1)
        ranks[rows] = 1 + np.count_nonzero(best >= mate[:, None], axis=1)
        sizes += int(np.count_nonzero(np.isfinite(best)))
    absent = np.isneginf(mated)
    mated[absent] = ranks[absent] = np.nan
    non_mated[np.isneginf(non_mated)] = np.nan
    return Searches(wanted, mated, non_mated, ranks, round(sizes / len(wanted)))


def cosine_scores(query: NDArray[np.float32], gallery: NDArray[np.float32]) -> Scores:
    """Cosines of ``(Q, D)`` and ``(G, D)`` embeddings of unit length, for :func:`search_people`.

    Example:
        >>> unit = np.eye(2, dtype=np.float32)
        >>> scores = cosine_scores(unit, unit)
    """
    return lambda rows: query[rows] @ gallery.T
