"""CMC, mAP and mINP with the rules of the published protocols."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vireid.metrics.functional.arguments import as_distances, check_embeddings, check_finite, check_topk, labels, ranked_dtype
from vireid.metrics.functional.distances import DistanceTiles, Rows, exact_products
from vireid.metrics.functional.rules import CMC, check_rule, cmc_is_unique
from vireid.metrics.functional.scoring import KEPT, GalleryScorer, QueryScores, Tile
from vireid.structures import Rule

T = TypeVar("T")

WORKERS = 8
"""Number of threads that score blocks of queries in parallel. More threads divide the work inside a block."""

BLOCK = {"cpu": 2**20, "cuda": 2**25}
"""Number of given distances that are scored at once. They should fit the CPU's cache, or fill a GPU."""

TILE = {"cpu": 2**21, "cuda": 2**26}
"""Number of distances of embeddings that are computed and scored at once."""

FEWEST = 64
"""Queries of a block of rows, at least, where there are so many. Products of fewer rows take longer."""

TILE_COLUMNS = {"cpu": 2**12, "cuda": 2**15}
"""Number of gallery entries in such a block."""


class NothingToScoreError(ValueError):
    """There are no queries, there is no gallery, or no query has a match that counts."""


class RetrievalScores(TypedDict):
    """Means over the valid queries as fractions in [0, 1], and scores of single queries. A valid query has a match that counts.

    Attributes:
        cmc: ``(len(topk),)`` float64 values of the CMC curve.
        mAP: mean average precision.
        mINP: mean inverse negative penalty.
        num_valid: number of valid queries.
        ap: ``(Q,)`` float64 average precision of each query, NaN for one that is not valid.
        inp: ``(Q,)`` float64 inverse negative penalty of each query, NaN for one that is not valid.
        first: ``(Q,)`` float64 rank of each query's first match from 1, as the CMC counts it; NaN for a query that is not valid.

    Example::

        scores = evaluate(distances, query_pids, gallery_pids, rule="regdb")
        print(scores["mAP"], scores["cmc"][0])
    """

    cmc: NDArray[np.float64]
    mAP: float
    mINP: float
    num_valid: int
    ap: NDArray[np.float64]
    inp: NDArray[np.float64]
    first: NDArray[np.float64]


def evaluate(
    distances: Tensor | ArrayLike,
    query_pids: Tensor | ArrayLike,
    gallery_pids: Tensor | ArrayLike,
    query_camids: Tensor | ArrayLike | None = None,
    gallery_camids: Tensor | ArrayLike | None = None,
    rule: Rule = "sysu",
    topk: Sequence[int] = (1, 5, 10, 20),
    cmc: CMC = "auto",
) -> RetrievalScores:
    """Retrieval scores of a distance matrix, exactly as the official evaluators define them.

    Gallery entries are ranked by distance, ties in gallery order. Then the rule removes entries that do not count:

    ========  ===================================================================  ===============
    rule      removed for a query                                                  CMC
    ========  ===================================================================  ===============
    sysu      same location (cameras 2 and 3 are one), whatever the identity       unique identity
    regdb     nothing                                                              plain
    llcm      same identity in the same camera                                     unique identity
    market    same identity in the same camera (also DukeMTMC-reID and MSMT17)     plain
    ========  ===================================================================  ===============

    A query without a match that counts is not valid, and no mean includes it. Unique-identity CMC counts each gallery identity once,
    at its best rank; mAP and mINP always use all entries. Average precision is not interpolated.

    Args:
        distances: ``(Q, G)`` finite numbers, smaller is closer; a tensor on any device or an array, of any float dtype.
        query_pids: ``(Q,)`` integer identities.
        gallery_pids: ``(G,)`` integer identities.
        query_camids: ``(Q,)`` integer cameras as on disk; not needed, and not read, for ``regdb``.
        gallery_camids: ``(G,)`` integer cameras.
        rule: which gallery entries do not count for a query, as in the table.
        topk: ranks of the CMC curve, from 1; beyond the end of a ranking the curve keeps its last value.
        cmc: kind of CMC curve: ``"unique"``, ``"plain"``, or ``"auto"`` as in the table.

    Returns:
        Scores, see :class:`RetrievalScores`.

    Raises:
        ValueError: shapes, dtypes or numbers do not fit, cameras are missing for a rule that needs them, or no query is valid.

    Example:
        >>> scores = evaluate([[0.1, 0.2, 0.3], [0.5, 0.4, 0.6]], [7, 8], [8, 7, 7], rule="regdb", topk=(1, 2))
        >>> scores["cmc"].tolist(), round(scores["mAP"], 4), round(scores["mINP"], 4), scores["num_valid"]
        ([0.0, 1.0], 0.5417, 0.5833, 2)

    Reference:
        Zheng et al.: Scalable Person Re-identification: A Benchmark, ICCV 2015 (CMC, mAP); Wu et al.: RGB-Infrared Cross-Modality
        Person Re-Identification, ICCV 2017 (SYSU-MM01 rule); Ye et al.: Deep Learning for Person Re-identification: A Survey and
        Outlook, TPAMI 2021 (mINP).
    """
    check_rule(rule)
    matrix = as_distances(distances)
    q_pids, q_camids = labels("query", query_pids, query_camids, matrix.shape[0], rule, matrix.device)
    g_pids, g_camids = labels("gallery", gallery_pids, gallery_camids, matrix.shape[1], rule, matrix.device)
    ranks = check_topk(topk)
    scorer = GalleryScorer(g_pids, g_camids, rule, cmc_is_unique(rule, cmc))

    def tiles(rows: Rows) -> Tile:
        return lambda cut: _finite(ranked_dtype(matrix[rows].index_select(1, scorer.order[cut])))

    step = _rows_at_once(scorer, len(matrix), matrix.device, BLOCK)
    return means(_score(scorer, tiles, q_pids, q_camids, step), ranks)


def evaluate_embeddings(
    query: Tensor,
    gallery: Tensor,
    query_pids: Tensor | ArrayLike,
    gallery_pids: Tensor | ArrayLike,
    query_camids: Tensor | ArrayLike | None = None,
    gallery_camids: Tensor | ArrayLike | None = None,
    rule: Rule = "sysu",
    topk: Sequence[int] = (1, 5, 10, 20),
    cmc: CMC = "auto",
    normalise: bool = True,
) -> RetrievalScores:
    """Retrieval scores of embeddings: equal to :func:`evaluate` of their distances, but the whole matrix is never in memory.

    Args:
        query: ``(Q, D)`` finite floating point embeddings.
        gallery: ``(G, D)``, on the same device.
        query_pids: ``(Q,)`` integer identities.
        gallery_pids: ``(G,)`` integer identities.
        query_camids: ``(Q,)`` integer camera ids; ``None`` if ``rule`` needs none.
        gallery_camids: ``(G,)`` integer camera ids; ``None`` if ``rule`` needs none.
        rule: which gallery entries do not count for a query, as in :func:`evaluate`.
        topk: ranks at which the CMC is read, each at least 1.
        cmc: kind of CMC curve: ``"unique"``, ``"plain"``, or ``"auto"`` for that of the rule, as in :func:`evaluate`.
        normalise: whether to compare by :func:`cosine_distances`; otherwise by :func:`pairwise_distances`.

    Returns:
        Scores, see :class:`RetrievalScores`.

    Raises:
        ValueError: as for :func:`evaluate`, or the embeddings are not finite.

    Example:
        >>> query, gallery = torch.eye(2), torch.tensor([[0.9, 0.1], [0.2, 0.8]])
        >>> evaluate_embeddings(query, gallery, [7, 8], [7, 8], rule="regdb")["mAP"]
        1.0
    """
    check_rule(rule)
    check_embeddings("query", query)
    check_embeddings("gallery", gallery)
    q_pids, q_camids = labels("query", query_pids, query_camids, len(query), rule, query.device)
    g_pids, g_camids = labels("gallery", gallery_pids, gallery_camids, len(gallery), rule, query.device)
    ranks = check_topk(topk)
    width = TILE_COLUMNS.get(query.device.type, TILE_COLUMNS["cuda"])
    scorer = GalleryScorer(g_pids, g_camids, rule, cmc_is_unique(rule, cmc), width)
    step = _rows_at_once(scorer, len(query), query.device, TILE)
    tiles = DistanceTiles(query, gallery, scorer.order, normalise, -(-len(query) // step))

    def of(rows: Rows) -> Tile:
        tile = tiles.of(rows)
        return tile if normalise else lambda cut: _finite(tile(cut))  # a cosine of finite embeddings is finite

    with exact_products(query):
        return means(_score(scorer, of, q_pids, q_camids, step), ranks)


def _rows_at_once(scorer: GalleryScorer, queries: int, device: torch.device, size: Mapping[str, int]) -> int:
    """Queries of a block: no more than are to be scored at once, and so few that the tiles of their share of the gallery can be kept.

    There is a block for each thread.
    """
    step: int = max(1, size.get(device.type, size["cuda"]) // scorer.widest)
    if len(scorer.cuts) == 1:
        return step
    wanted = min(step, max(FEWEST, math.isqrt(KEPT * queries // len(scorer.order))))
    parts = max(-(-queries // wanted), min(torch.get_num_threads(), WORKERS))
    return min(step, max(FEWEST, -(-queries // parts)))


def _score(scorer: GalleryScorer, tiles: Callable[[Rows], Tile], pids: Tensor, camids: Tensor | None, step: int) -> QueryScores:
    """Scores of all queries, some at a time; by identity if there are several tiles, few of which then hold their matches."""
    by_identity = torch.argsort(pids, stable=True) if len(scorer.cuts) > 1 else None

    def part(start: int) -> QueryScores:
        block = slice(start, start + step)
        rows = block if by_identity is None else by_identity[block]
        return scorer.score(tiles(rows), pids[rows], None if camids is None else camids[rows])

    starts = range(0, len(pids), step)
    scores = QueryScores.concatenate(in_threads(part, starts) if pids.device.type == "cpu" else [part(start) for start in starts])
    return scores if by_identity is None else scores[torch.argsort(by_identity).cpu().numpy()]


def in_threads(function: Callable[[int], T], items: Sequence[int]) -> list[T]:
    """Results of all items on the CPU; each by its own thread, because sorting and searching do not spread over threads by themselves."""
    threads = torch.get_num_threads()
    workers = min(threads, WORKERS, len(items))
    if workers == 1:
        return [function(item) for item in items]
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads // workers,)) as pool:
            return list(pool.map(function, items))
    finally:
        torch.set_num_threads(threads)  # the setting of a thread is also that of later ones


def _finite(distances: Tensor) -> Tensor:
    check_finite(distances)
    return distances


def means(scores: QueryScores, topk: NDArray[np.int64]) -> RetrievalScores:
    valid = ~np.isnan(scores.ap)
    if not valid.any():
        raise NothingToScoreError(
            f"None of the {len(valid)} queries has a match in the gallery that counts; compare their pids, camids and the `rule`."
        )
    hit = scores.hit[valid]
    return RetrievalScores(
        cmc=(hit[:, None] <= topk).mean(0, dtype=np.float64),
        mAP=float(scores.ap[valid].mean()),
        mINP=float(scores.inp[valid].mean()),
        num_valid=int(valid.sum()),
        ap=scores.ap,
        inp=scores.inp,
        first=scores.hit,
    )
