"""What a test keeps beside its scores, for pictures: ranked lists, cameras, score counts and attention. Values only, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEPTH = 50
"""Ranks of a query that are kept."""

BINS = 200
"""Bins of cosine distances, each 0.01 wide, from 0 to 2."""

PAIRS = ("visible-visible", "visible-infrared", "infrared-infrared")
"""Pairs of modalities, in the order of :attr:`ScoreCounts.counts`."""

SHOWN = 12
"""Queries of each kind (hardest, median, easiest) that a report shows."""


@dataclass(frozen=True)
class Ranks:
    """The best entries of every query of a trial. Images are rows of ``embeddings.npz``.

    Attributes:
        query: ``(Q,)`` int32 images.
        entries: ``(Q, K)`` int32 images of the gallery by distance, ties in gallery order; -1 beyond the end of a short gallery.
        distances: ``(Q, K)`` float32 cosine distances; NaN beyond the end.
        ignored: ``(Q, K)`` bool, entries that the protocol does not count.
    """

    query: NDArray[np.int32]
    entries: NDArray[np.int32]
    distances: NDArray[np.float32]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True)
class CameraMatrix:
    """Retrieval between every pair of cameras in the first trial: queries of one camera in the gallery of another, by the protocol's rule.

    Attributes:
        query_cameras, gallery_cameras: ``(A,)`` and ``(B,)`` camera numbers.
        mean_ap: ``(A, B)`` float64 mAP; NaN where no query has a match that counts.
        queries: ``(A, B)`` int64 queries that have one.
    """

    query_cameras: NDArray[np.int64]
    gallery_cameras: NDArray[np.int64]
    mean_ap: NDArray[np.float64]
    queries: NDArray[np.int64]


@dataclass(frozen=True)
class ScoreCounts:
    """Counts of the cosine distances of all pairs of two images.

    Attributes:
        counts: ``(3, 2, BINS)`` int64, by :data:`PAIRS`, then pairs of one person and pairs of two people.
        images: images whose pairs were counted.
        of: images of the evaluation; more than ``images`` if people were sampled.
    """

    counts: NDArray[np.int64]
    images: int
    of: int


@dataclass(frozen=True)
class Attention:
    """Where a query and its best counted entry are alike: Grad-CAM of their cosine similarity.

    Attributes:
        query, entry: ``(n,)`` int32 images.
        similarity: ``(n,)`` float32 cosine of both embeddings.
        maps: ``(n, 2, h, w)`` float16 in [0, 1], of the query and of the entry.
    """

    query: NDArray[np.int32]
    entry: NDArray[np.int32]
    similarity: NDArray[np.float32]
    maps: NDArray[np.float16]


@dataclass(frozen=True)
class Details:
    """What a test keeps for pictures; any part may be absent in older files.

    Attributes:
        ranks: of the first trial of each row, by the name of the row; of all trials if that was asked for.
        cameras: by the name of the row.
        scores: of all images.
        attention: of the queries that a report shows.
    """

    ranks: Mapping[str, tuple[Ranks, ...]] = field(default_factory=dict)
    cameras: Mapping[str, CameraMatrix] = field(default_factory=dict)
    scores: ScoreCounts | None = None
    attention: Attention | None = None


@dataclass(frozen=True)
class Images:
    """The images of an evaluation, as ``embeddings.npz`` lists them.

    Attributes:
        embeddings: ``(N, D)`` of unit length or not.
        paths: ``(N,)`` files.
        pids, camids, modalities: ``(N,)``; a modality is 0 for visible, 1 for infrared.
        people: ``(N,)`` names of the people as the user knows them.
    """

    embeddings: NDArray[Any]
    paths: NDArray[np.str_]
    pids: NDArray[np.int64]
    camids: NDArray[np.int64]
    modalities: NDArray[np.int64]
    people: NDArray[np.str_]


def shown_queries(ap: NDArray[np.float64], pids: NDArray[Any], count: int = SHOWN) -> dict[str, NDArray[np.int64]]:
    """Positions of the hardest, median and easiest queries by average precision; each person once in a group, while there are others.

    Args:
        ap: ``(Q,)`` average precisions; queries with NaN are left out.
        pids: ``(Q,)`` people.
        count: queries in a group; fewer if there are not three times as many.

    Example:
        >>> {name: rows.tolist() for name, rows in shown_queries(np.array([0.9, 0.1, 0.5, np.nan]), np.arange(4), 1).items()}
        {'hardest': [1], 'median': [2], 'easiest': [0]}
    """
    order = np.argsort(ap, kind="stable")[: int(np.isfinite(ap).sum())]
    count = min(count, -(-len(order) // 3))
    middle = np.argsort(np.abs(np.arange(len(order)) - (len(order) - 1) / 2), kind="stable")
    chosen: dict[str, NDArray[np.int64]] = {}
    taken: set[int] = set()
    for name, candidates in (("hardest", order), ("easiest", order[::-1]), ("median", order[middle])):
        found = _diverse([row for row in candidates.tolist() if row not in taken], pids, count)
        taken |= set(found)
        chosen[name] = np.array(found, dtype=np.int64)
    return {name: chosen[name] for name in ("hardest", "median", "easiest")}


def _diverse(candidates: list[int], pids: NDArray[Any], count: int) -> list[int]:
    """The first ``count`` candidates, each person once; then further ones if people do not suffice. In the order of the candidates."""
    first = {pids[row]: row for row in reversed(candidates)}
    fresh = [row for row in candidates if first[pids[row]] == row][:count]
    kept = set(fresh) | set([row for row in candidates if row not in set(fresh)][: count - len(fresh)])
    return [row for row in candidates if row in kept]
