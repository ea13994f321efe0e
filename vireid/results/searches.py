"""Searches of people who may be unknown, from the scores of single queries."""

from __future__ import annotations

import numpy as np

from vireid.metrics import Searches
from vireid.results.result import Result


def searches_of(result: Result) -> Searches | None:
    """The searches of all trials of a row, one after the other; ``None`` if a trial did not keep them, or there are no two people.

    The own person has rank 1 where he scores higher than everybody else; further ranks are not kept and are 2 here.
    """
    mated = [queries.mated for queries in result.per_query if queries.mated is not None]
    others = [queries.non_mated for queries in result.per_query if queries.non_mated is not None]
    if not mated or len(mated) != result.trials or len(others) != result.trials:
        return None
    own, other = np.concatenate(mated), np.concatenate(others)
    if np.isnan(own).all() or np.isnan(other).all():
        return None
    ranks = np.where(np.isnan(own), np.nan, np.where(np.isnan(other) | (own > other), 1.0, 2.0))
    return Searches(np.concatenate([queries.pids for queries in result.per_query]), own, other, ranks, size=0)
