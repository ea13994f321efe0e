"""Scores of many galleries that are drawn from the same images, such as the trials of a protocol.

Each query sorts, once, the images that are no farther than its last match. Between two of its matches, the images of all draws are counted
at once, as a sum of rows of zeros and ones. Integers with one bit per draw give the identities before the first match of every draw.
Distances are laid out by identity, so that the matches of a query are one run of columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

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

SIZE, SORTED = 2**22, 2**17
"""Distances that are computed, and put in order, at once. The latter should fit the CPU's cache."""

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
    lengths = torch.linalg.vector_norm(embeddings.float(), dim=1)
    for side, chosen in (("query", rows), ("gallery", torch.from_numpy(columns))):
        if len(chosen) == 0 or not bool(lengths[chosen].isfinite().all()):
            check_embeddings(side, embeddings[chosen])
        check_camids(rule, f"{side}_camids", camids[chosen])
    with exact_products(embeddings):
        parts = [_scores(embeddings, pids, camids, query, columns, galleries[i : i + BITS], rule) for i in range(0, len(galleries), BITS)]
    return [means(QueryScores(*draw), check_topk(topk)) for draw in np.concatenate(parts, axis=2).transpose(2, 0, 1)]


def _in_one_order(galleries: Sequence[Integers], kinds: Integers) -> Integers | None:
    """All rows in an order in which each gallery has its kinds of image, or ``None``; a kind is an identity in a camera.

    Images of one kind count alike for all queries, so that their order among themselves does not matter.
    """
    numbers = np.unique(kinds, return_inverse=True)[1]
    in_turn = numbers[np.concatenate(sorted(galleries, key=len, reverse=True))]
    rank = np.full(len(kinds), -1)
    found, first = np.unique(in_turn, return_index=True)
    rank[found[np.argsort(first)]] = np.arange(len(found))
    ranks = rank[numbers]
    for gallery in galleries:
        if (np.diff(ranks[gallery]) < 0).any() or len(np.unique(gallery)) < len(gallery):
            return None
    union = np.unique(np.concatenate(galleries))
    ordered: Integers = union[np.argsort(ranks[union], kind="stable")]
    return ordered


@dataclass(frozen=True)
class _Columns:
    """Images that count for the queries of one camera, apart from some of the query's own identity. ``G`` columns are in order of identity.

    Attributes:
        rows: ``(G,)`` their rows of embeddings.
        same: ``(G,)`` which of them do not count for queries of their own identity.
        ties: ``(G,)`` their numbers, which decide ties.
        pids: ``(I,)`` the identities.
        starts, counts: ``(I,)`` first column, and number of columns, of each.
        column: ``(G,)`` the column of each number.
        drawn: ``(G, T)`` float32, 1 for a number that is in a draw.
        bits: ``(G,)`` the same in bits of unsigned integers.
    """

    rows: Integers
    same: NDArray[np.bool_]
    ties: NDArray[np.int32]
    pids: Integers
    starts: Integers
    counts: Integers
    column: Integers
    drawn: NDArray[np.float32]
    bits: NDArray[np.unsignedinteger[Any]]

    @classmethod
    def of(cls, rows: Integers, pids: Integers, same: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> _Columns:
        """Columns of ``rows`` in the order that decides ties; the other arguments have an entry for each."""
        ties = np.argsort(pids, kind="stable")
        found, starts, counts = np.unique(pids[ties], return_index=True, return_counts=True)
        bits = (drawn @ _powers(drawn.shape[1])).astype(np.min_scalar_type(2 ** drawn.shape[1] - 1))
        column = np.argsort(ties)
        return cls(rows[ties], same[ties], ties.astype(np.int32), found, starts, counts, column, drawn.astype(np.float32), bits)

    def matches(self, pids: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """``(Q, K)`` columns of each query's identity, and which of them are meant; K is the largest number of columns of an identity."""
        run = np.searchsorted(self.pids, pids).clip(max=len(self.pids) - 1)
        counts = self.counts[run] * (self.pids[run] == pids)
        steps = np.arange(counts.max())
        return (self.starts[run][:, None] + steps).clip(max=len(self.rows) - 1), steps < counts[:, None]


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
        chosen = columns[kept]
        same = np.zeros(len(kept), dtype=bool) if rule == "regdb" else removed_matches(rule, torch.tensor(camid), camids[chosen]).numpy()
        of_camera = _Columns.of(chosen, pids.numpy()[chosen], same, drawn[kept])
        rows = np.flatnonzero(q_camids == camid)
        step = max(1, SIZE // len(kept))
        queries = embeddings.index_select(0, torch.from_numpy(query[rows]))
        tiles = DistanceTiles(queries, embeddings, torch.from_numpy(of_camera.rows), True, -(-len(rows) // step))
        block = partial(_score_block, scores, tiles, of_camera, cmc_is_unique(rule, "auto"), rows, q_pids, step)
        in_threads(block, range(0, len(rows), step))
    return scores


def _score_block(
    scores: NDArray[np.float64],
    tiles: DistanceTiles,
    columns: _Columns,
    unique: bool,
    rows: Integers,
    pids: Integers,
    step: int,
    start: int,
) -> None:
    """Write the scores of some queries, ``rows`` of one camera."""
    distances = tiles.of(slice(start, start + step))(slice(len(columns.rows))).numpy()
    rows = rows[start : start + step]
    some = max(1, SORTED // max(len(columns.rows), int(columns.counts.max()) * columns.drawn.shape[1]))
    for first in range(0, len(rows), some):
        part = rows[first : first + some]
        scores[:, part] = _of_queries(distances[first : first + some], pids[part], columns, unique)


def _of_queries(distances: NDArray[np.float32], pids: Integers, columns: _Columns, unique: bool) -> NDArray[np.float64]:
    """``(3, Q, T)`` scores of queries with these ``(Q, G)`` distances, which are overwritten."""
    number, draws = len(distances), columns.drawn.shape[1]
    places, inside = columns.matches(pids)
    real = inside & ~columns.same[places]
    if not real.any():
        return np.full((3, number, draws), np.nan)
    ranked = _Ranked.of(distances, places, real, inside & ~real, columns.ties)
    drawn = torch.from_numpy(columns.drawn)
    counts = F.embedding_bag(torch.from_numpy(ranked.order), drawn, torch.from_numpy(ranked.edges.ravel()), mode="sum").numpy()
    ranks = counts.reshape(number, -1, draws)[:, :-1].cumsum(1)  # float32 counts exactly up to 2^24
    counted = (columns.drawn[ranked.order[ranked.edges[:, 1:] - 1]] > 0) & ranked.present[:, :, None]
    ranks = np.where(counted, ranks.astype(np.int64), FAR)
    hit = _identities_until(counted.argmax(1), ranked, columns) if unique else ranks.min(1)
    found = summary(ranks.swapaxes(1, 2).reshape(-1, places.shape[1]), hit.ravel())
    return np.stack([found.ap, found.inp, found.hit]).reshape(3, number, draws)


@dataclass(frozen=True)
class _Ranked:
    """Images that are no farther from a query than its last match, of all queries one after the other.

    Attributes:
        order: ``(N,)`` their numbers, by distance for each query.
        edges: ``(Q, K + 1)`` where each query starts in ``order``, and the end of each of its matches; the end of the query for no match.
        present: ``(Q, K)`` which of the matches there are.
        ends: ``(Q,)`` where each query ends.
    """

    order: NDArray[np.int32]
    edges: Integers
    present: NDArray[np.bool_]
    ends: Integers

    @classmethod
    def of(
        cls, distances: NDArray[np.float32], places: Integers, real: NDArray[np.bool_], gone: NDArray[np.bool_], ties: NDArray[np.int32]
    ) -> _Ranked:
        """``real`` and ``gone``: which of the ``(Q, K)`` columns ``places`` are matches, and which do not count."""
        (number, width), shift = distances.shape, len(ties).bit_length()
        rows, slots = np.nonzero(gone)
        distances[rows, places[rows, slots]] = np.inf
        own = np.take_along_axis(distances, places, 1)
        near = np.flatnonzero(distances <= own.max(1, keepdims=True, where=real, initial=-np.inf))
        row = near // width
        keys = _keys(row, distances.reshape(-1)[near], ties[near - row * width], shift)
        keys.sort()
        steps = np.arange(number + 1) << (32 + shift)
        wanted = np.where(real, _keys(np.arange(number)[:, None], own, ties[places], shift), steps[1:, None])
        wanted.sort(axis=1)
        sorted_keys = torch.from_numpy(keys)
        starts, found = (torch.searchsorted(sorted_keys, torch.from_numpy(some)).numpy() for some in (steps, wanted))
        present = wanted < steps[1:, None]
        order = (keys & ((1 << shift) - 1)).astype(np.int32)
        return cls(order, np.concatenate([starts[:-1, None], found + present], axis=1), present, starts[1:])


def _powers(count: int) -> Integers:
    powers: Integers = 1 << np.arange(count)
    return powers


def _keys(rows: Integers, distances: NDArray[np.float32], ties: NDArray[np.int32], shift: int) -> Integers:
    """Row, distance and number, of ``shift`` bits, in one integer, whose sort numpy vectorises."""
    bits = distances.view(np.int32)  # one minus a product is never -0.0
    keys: Integers = (bits ^ ((bits >> 31) & 0x7FFFFFFF)) + ((rows << 32) + 2**31)
    keys <<= shift
    keys |= ties
    return keys


def _identities_until(first: Integers, ranked: _Ranked, columns: _Columns) -> Integers:
    """``(Q, T)`` identities of each draw up to its first match, which is the ``first``-th of all matches."""
    (number, draws), width = first.shape, len(columns.rows)
    steps = np.arange(ranked.edges.shape[1])
    wanted = ((first[:, None] >= steps[:, None]) @ _powers(draws)).astype(columns.bits.dtype)  # draws whose first match is not yet passed
    lengths = np.diff(ranked.edges, append=ranked.ends[:, None])
    active = np.repeat(wanted.ravel(), lengths.ravel())
    ahead = np.flatnonzero(active)
    order = ranked.order[ahead]
    place = columns.column[order] + np.repeat(np.arange(number) * width, (lengths * (wanted > 0)).sum(1))
    by_identity = np.zeros((number, width), columns.bits.dtype)
    by_identity.reshape(-1)[place] = active[ahead] & columns.bits[order]
    seen = np.bitwise_or.reduceat(by_identity, columns.starts, axis=1)
    in_bytes = seen.view(np.uint8).reshape(*seen.shape, -1)[..., : -(-draws // 8)]
    bits = np.unpackbits(in_bytes, axis=2, bitorder="little", count=draws)
    identities: Integers = bits.sum(1, dtype=np.int64)
    return identities
