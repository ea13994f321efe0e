"""Scores of many galleries that are drawn from the same images, such as the trials of a protocol.

Each query sorts the images once. Between two of its matches, the images of all draws are counted at once, as a sum of rows of zeros and
ones. Integers with one bit per draw give the identities before the first match of every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics.functional.arguments import check_embeddings, check_topk
from vireid.metrics.functional.distances import DistanceTiles, exact_products
from vireid.metrics.functional.evaluation import RetrievalScores, evaluate_embeddings, in_threads, means
from vireid.metrics.functional.rules import check_camids, cmc_is_unique, removed, removed_matches
from vireid.metrics.functional.scoring import FAR, QueryScores, summary
from vireid.structures import Rule

BITS = 62
"""Draws that are scored at once."""

SIZE = 2**22
"""Distances that are computed at once."""

Integers = NDArray[np.int64]


def evaluate_draws(
    embeddings: Tensor, pids: Tensor, camids: Tensor, query: Integers, galleries: Sequence[Integers], rule: Rule, topk: Sequence[int]
) -> list[RetrievalScores]:
    """Retrieval scores of the same queries in several galleries, by cosine distance.

    The result is equal to :func:`~vireid.metrics.evaluate_embeddings` of each gallery, but this function is faster. It calls
    ``evaluate_embeddings`` if the fast algorithm does not apply: for embeddings in float64 or on a GPU, and for galleries in which images
    of one identity and camera do not keep their place among the others, because the place decides ties.

    Args:
        embeddings: ``(N, D)`` finite floating point embeddings of all images.
        pids: ``(N,)`` int64 identities.
        camids: ``(N,)`` int64 cameras.
        query: row numbers of the queries.
        galleries: row numbers of each gallery.
        rule: which gallery entries do not count for a query, as in :func:`~vireid.metrics.evaluate`.
        topk: ranks at which the CMC is read, each at least 1.

    Raises:
        ValueError: as for :func:`~vireid.metrics.evaluate_embeddings`.
    """
    rows = torch.from_numpy(query)
    columns = _in_one_order(galleries, (pids * (camids.max() + 1) + camids).numpy())
    if columns is None or len(galleries) == 1 or embeddings.dtype == torch.float64 or embeddings.device.type != "cpu":
        places = [torch.from_numpy(gallery) for gallery in galleries]
        labels = [(pids[rows], pids[place], camids[rows], camids[place]) for place in places]
        pairs = zip(places, labels, strict=True)
        return [evaluate_embeddings(embeddings[rows], embeddings[place], *label, rule=rule, topk=topk) for place, label in pairs]
    for side, chosen in (("query", rows), ("gallery", torch.from_numpy(columns))):
        check_embeddings(side, embeddings[chosen])
        check_camids(rule, f"{side}_camids", camids[chosen])
    with exact_products(embeddings):
        parts = [_scores(embeddings, pids, camids, query, columns, galleries[i : i + BITS], rule) for i in range(0, len(galleries), BITS)]
    return [means(QueryScores(*draw), check_topk(topk)) for draw in np.concatenate(parts, axis=2).transpose(2, 0, 1)]


def _in_one_order(galleries: Sequence[Integers], kinds: Integers) -> Integers | None:
    """All rows in an order in which each gallery has its kinds of image, or ``None``; a kind is an identity in a camera.

    Images of one kind count alike for all queries, so that their order among themselves does not matter.
    """
    longest_first = sorted(galleries, key=len, reverse=True)
    rank = {kind: number for number, kind in enumerate(dict.fromkeys(np.concatenate([kinds[g] for g in longest_first]).tolist()))}
    ranks = np.array([rank.get(kind, -1) for kind in kinds.tolist()])
    for gallery in galleries:
        if (np.diff(ranks[gallery]) < 0).any() or len(np.unique(gallery)) < len(gallery):
            return None
    union = np.unique(np.concatenate(galleries))
    ordered: Integers = union[np.argsort(ranks[union], kind="stable")]
    return ordered


@dataclass(frozen=True)
class _Columns:
    """Images that count for the queries of one camera, apart from some of the query's own identity.

    Attributes:
        pids: ``(G,)`` their identities.
        drawn: ``(G, T)`` float32, 1 for an image in a draw.
        bits: ``(G,)`` the same in bits.
        place: ``(G,)`` where each stands when they are put in order of identity.
        starts: where identities start in that order.
    """

    pids: Integers
    drawn: NDArray[np.float32]
    bits: Integers
    place: Integers
    starts: Integers

    @classmethod
    def of(cls, pids: Integers, drawn: NDArray[np.bool_]) -> _Columns:
        by_identity = np.argsort(pids, kind="stable")
        starts = np.unique(pids[by_identity], return_index=True)[1]
        bits = drawn.astype(np.int64) @ (1 << np.arange(drawn.shape[1]))
        return cls(pids, drawn.astype(np.float32), bits, np.argsort(by_identity), starts)

    def without(self, gone: NDArray[np.bool_]) -> _Columns:
        """These columns, with some that are in no draw."""
        return replace(self, drawn=self.drawn * ~gone[:, None], bits=self.bits * ~gone) if gone.any() else self


def _scores(
    embeddings: Tensor, pids: Tensor, camids: Tensor, query: Integers, columns: Integers, galleries: Sequence[Integers], rule: Rule
) -> NDArray[np.float64]:
    """``(3, Q, T)``: the fields of :class:`QueryScores` for every draw."""
    scores = np.full((3, len(query), len(galleries)), np.nan)
    drawn = np.stack([np.isin(columns, gallery) for gallery in galleries], axis=1)
    q_pids, q_camids = pids.numpy()[query], camids.numpy()[query]
    for camid in np.unique(q_camids):
        far = removed(rule, torch.tensor([camid]), camids[columns])
        kept = np.flatnonzero(np.ones(len(columns)) if far is None else ~far[0].numpy())
        if not len(kept):
            continue
        rows = np.flatnonzero(q_camids == camid)
        rows = rows[np.argsort(q_pids[rows], kind="stable")]
        order = torch.from_numpy(columns[kept])
        tiles = DistanceTiles(embeddings[query[rows]], embeddings, order, normalise=True)
        shared = _Columns.of(pids.numpy()[columns[kept]], drawn[kept])
        same = np.zeros(len(kept), dtype=bool) if rule == "regdb" else removed_matches(rule, torch.tensor(camid), camids[order]).numpy()
        step = max(1, SIZE // len(kept))
        block = partial(_score_block, scores, tiles, shared, same, cmc_is_unique(rule, "auto"), rows, q_pids[rows], step)
        in_threads(block, range(0, len(rows), step))
    return scores


def _score_block(
    scores: NDArray[np.float64],
    tiles: DistanceTiles,
    columns: _Columns,
    same: NDArray[np.bool_],
    unique: bool,
    rows: Integers,
    q_pids: Integers,
    step: int,
    start: int,
) -> None:
    """Write the scores of some queries, ``rows`` of one camera in order of identity; matches in ``same`` columns do not count."""
    distances = tiles.of(slice(start, start + step))(slice(len(columns.pids)))
    pids = q_pids[start : start + step]
    edges = np.flatnonzero(np.concatenate([[True], pids[1:] != pids[:-1], [True]]))
    for first, last in pairwise(edges.tolist()):
        matches = columns.pids == pids[first]
        gone = matches & same
        if (matches & ~gone).any():
            found = _of_one_identity(distances[first:last], matches & ~gone, columns.without(gone), unique)
            scores[:, rows[start + first : start + last]] = found


def _of_one_identity(distances: Tensor, own: NDArray[np.bool_], columns: _Columns, unique: bool) -> NDArray[np.float64]:
    """``(3, Q, T)`` scores of queries that have the same matches ``own`` ``(G,)``."""
    order = _stable_order(distances.numpy())
    number, width = order.shape
    starts = np.arange(number)[:, None] * width
    matches = np.flatnonzero(own[order]).reshape(number, -1)
    edges = np.concatenate([starts, matches + 1], axis=1)  # between two of them are the images from one match to the next
    drawn = torch.from_numpy(columns.drawn)
    counts = F.embedding_bag(torch.from_numpy(order).view(-1), drawn, torch.from_numpy(edges.ravel()), mode="sum").numpy()
    ranks = counts.reshape(number, -1, drawn.shape[1])[:, :-1].cumsum(1)  # float32 counts exactly up to 2^24
    counted = columns.drawn[order.ravel()[matches]] > 0
    ranks = np.where(counted, ranks.astype(np.int64), FAR)
    hit = _identities_until(counted.argmax(1), order, edges, columns) if unique else ranks.min(1)
    found = summary(ranks.swapaxes(1, 2).reshape(-1, matches.shape[1]), hit.ravel())
    return np.stack([found.ap, found.inp, found.hit]).reshape(3, number, -1)


def _identities_until(first: Integers, order: NDArray[np.int32], edges: Integers, columns: _Columns) -> Integers:
    """``(Q, T)`` identities of each draw up to its first match, which is the ``first``-th of all matches."""
    number, draws = first.shape
    steps = np.arange(edges.shape[1])
    wanted = (first[:, None] >= steps[:, None]) @ (1 << np.arange(draws))  # draws whose first match is not yet passed
    active = np.repeat(wanted.ravel(), np.diff(edges.ravel(), append=order.size)).reshape(order.shape)
    active &= columns.bits[order]
    by_identity = np.empty_like(active)
    np.put_along_axis(by_identity, columns.place[order], active, axis=1)
    seen = np.bitwise_or.reduceat(by_identity, columns.starts, axis=1)
    bits = np.unpackbits(seen.view(np.uint8).reshape(number, -1, 8), axis=2, bitorder="little")[..., :draws]
    identities: Integers = bits.sum(1, dtype=np.int64)
    return identities


def _stable_order(distances: NDArray[np.float32]) -> NDArray[np.int32]:
    """Columns of each row by distance, then number: both are packed into one integer, whose sort numpy vectorises."""
    bits = np.ascontiguousarray(distances).view(np.int32)  # one minus a product is never -0.0
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) << 32
    keys |= np.arange(keys.shape[1])
    keys.sort(axis=1)
    return keys.astype(np.int32)
