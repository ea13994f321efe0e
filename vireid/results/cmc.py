"""CMC curves at every rank, from the scores of single queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vireid.results.result import TOPK, Result


def cmc_curves(result: Result, ranks: int = 20) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """``(K,)`` ranks and the ``(trials, K)`` CMC there. An older file knows the ranks of :data:`~vireid.results.result.TOPK` alone.

    Args:
        result: a row.
        ranks: largest rank.
    """
    firsts = [queries.first for queries in result.per_query]
    if not firsts or any(first is None for first in firsts):
        known = [k for k in TOPK if k <= ranks]
        return np.array(known), np.array([result.values[f"rank{k}"] for k in known]).T
    wanted = np.arange(1, ranks + 1)
    known_firsts = [first[~np.isnan(first)] for first in firsts if first is not None]
    return wanted, np.stack([(first[:, None] <= wanted).mean(0) for first in known_firsts])
