"""Retrieval scores of a gallery in shards, of which one at a time is in memory.

The rank of a match is one plus the matches before it plus the impostors before it. Impostors are counted shard by shard, and counts add
up. So two passes are enough: the first finds the scores of all matches, the second counts. Every comparison is that of
:func:`~vireid.metrics.functional.exact_scores.exact_scores` of the pair, so that the result is the same for any number of shards. A product
in float32 decides a comparison alone where its rounding cannot, by a bound that always holds, see
:func:`~vireid.metrics.functional.exact_scores.uncertainty`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vireid.metrics.functional.distances import ALIGNED, exact_products
from vireid.metrics.functional.evaluation import in_threads
from vireid.metrics.functional.exact_scores import Rows, exact_scores, products_in_pieces, uncertainty, unit_rows
from vireid.metrics.functional.rules import cmc_is_unique, removed, removed_matches
from vireid.metrics.functional.scoring import FAR, QueryScores, summary
from vireid.structures import Rule

COLUMNS = 2**11
"""Gallery entries of a tile."""

QUERIES = 2**9
"""Queries of a tile."""

PAIRS = 2**6
"""Matches whose tile rows are searched for impostors too near to call at once."""

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Labels:
    """Labels of some images, ``(N,)`` int64 each.

    Attributes:
        pids: identities.
        camids: cameras.
    """

    pids: Integers
    camids: Integers

    def __getitem__(self, rows: Integers) -> Labels:
        return Labels(self.pids[rows], self.camids[rows])


@dataclass(frozen=True)
class GalleryPart:
    """The entries of a gallery that lie in one shard.

    Attributes:
        rows: ``(S, D)`` embeddings of the shard, unit rows to count.
        entries: ``(c,)`` rows of the shard that are in the gallery.
        columns: ``(c,)`` where they stand in the gallery.
    """

    rows: NDArray[Any]
    entries: Integers
    columns: Integers


class ShardedSearch:
    """Some queries against one gallery that comes in shards. Give all shards to :meth:`find_matches`, then all to :meth:`count`.

    Args:
        query: labels of the queries.
        gallery: labels of the whole gallery, whose order decides ties.
        rule: which gallery entries do not count for a query, see :func:`~vireid.metrics.functional.evaluate`.

    Example::

        search = ShardedSearch(query_labels, gallery_labels, "regdb")
        for part in parts:  # GalleryPart of each shard
            search.find_matches(queries, part)
        for part in parts:
            search.count(queries, part)
        scores = search.scores()
    """

    def __init__(self, query: Labels, gallery: Labels, rule: Rule) -> None:
        self.query, self.gallery, self.rule = query, gallery, rule
        self.unique = cmc_is_unique(rule, "auto")
        order = np.argsort(gallery.pids, kind="stable")
        self.identities, starts, counts = np.unique(gallery.pids[order], return_index=True, return_counts=True)
        run = np.searchsorted(self.identities, query.pids).clip(max=max(len(self.identities) - 1, 0))
        known = self.identities[run] == query.pids if len(self.identities) else np.zeros(len(run), bool)
        width = int((counts[run] * known).max(initial=0)) if len(run) and len(self.identities) else 0
        slots = np.arange(width)
        inside = known[:, None] & (slots < counts[run][:, None]) if width else np.zeros((len(query.pids), 0), bool)
        self.matches = order[np.where(inside, starts[run][:, None] + slots, 0)] if width else np.zeros(inside.shape, np.int64)
        self.counted = inside & ~self._removed_matches()
        self.exact = np.full(inside.shape, np.inf)
        self.before = np.zeros(inside.shape, np.int64)
        self.seen = np.zeros((len(query.pids), -(-len(self.identities) // 8) if self.unique else 0), np.uint8)
        self._first: Integers | None = None

    def _removed_matches(self) -> Flags:
        if self.rule == "regdb":
            return np.zeros(self.matches.shape, bool)
        cameras = torch.from_numpy(self.query.camids)[:, None], torch.from_numpy(self.gallery.camids[self.matches])
        return np.asarray(removed_matches(self.rule, *cameras).numpy())

    @staticmethod
    def size(queries: int, gallery: Labels) -> int:
        """Bytes that a search of this many queries takes, about."""
        _, counts = np.unique(gallery.pids, return_counts=True)
        return queries * (int(counts.max(initial=0)) * 33 + len(counts) // 8)

    def find_matches(self, queries: Rows, part: GalleryPart) -> None:
        """Take in the matches of one shard.

        Args:
            queries: ``(Q, D)`` unit rows of the queries.
            part: the shard.
        """
        row = np.full(len(self.gallery.pids), -1)
        row[part.columns] = part.entries
        found, slots = np.nonzero(self.counted & (row[self.matches] >= 0))
        needed, places = np.unique(row[self.matches[found, slots]], return_inverse=True)
        self.exact[found, slots] = exact_scores(queries, unit_rows(part.rows[needed]), found, places)

    def count(self, queries: Rows, part: GalleryPart) -> None:
        """Count the impostors of one shard; arguments as for :meth:`find_matches`."""
        columns = part.columns
        if not len(columns) or not self.matches.shape[1]:
            return
        if self._first is None:
            self._first = self._first_matches()
        by_identity = np.argsort(self.gallery.pids[columns], kind="stable")
        near = np.argsort(self.query.pids, kind="stable")  # queries of one person have their matches in the same tiles
        ordered = torch.from_numpy(part.rows[part.entries[by_identity]])

        def block(start: int) -> None:
            some = near[start : start + QUERIES]
            of_block = torch.from_numpy(queries[some])
            memory = torch.empty(2, len(some) * COLUMNS)  # fresh memory for every tile would take as long as the work in it
            for left in range(0, len(columns), COLUMNS):
                chosen = by_identity[left : left + COLUMNS]
                width = -(-len(chosen) // ALIGNED) * ALIGNED
                scores = memory[0, : len(some) * width].view(-1, width)[:, : len(chosen)]
                ordered_scores = memory[1, : len(some) * len(chosen)].view(len(some), -1)
                products_in_pieces(of_block, ordered[left : left + COLUMNS], scores, memory[1])
                self._count_tile(
                    _Tile(scores.numpy(), ordered_scores.numpy(), queries, part.rows, some, part.entries[chosen], columns[chosen])
                )

        with exact_products(ordered):
            in_threads(block, range(0, len(near), QUERIES))

    def _first_matches(self) -> Integers:
        """``(Q,)`` slot of each query's nearest match, the first in the gallery among equals."""
        exact = np.where(self.counted, self.exact, -np.inf)
        nearest = self.counted & (exact == exact.max(1, keepdims=True))
        return np.asarray(np.where(nearest, self.matches, FAR).argmin(1))

    def _count_tile(self, tile: _Tile) -> None:
        some, labels = tile.queries, self.gallery[tile.columns]
        pids = self.query.pids[some]
        own = slice(*np.searchsorted(labels.pids, [pids[0], pids[-1] + 1]))  # both are in order of identity
        tile.scores[:, own][pids[:, None] == labels.pids[own]] = -np.inf
        gone = removed(self.rule, torch.from_numpy(self.query.camids[some]), torch.from_numpy(labels.camids))
        if gone is not None:
            tile.scores[gone.numpy()] = -np.inf
        exact = np.where(self.counted[some], self.exact[some], np.inf)
        self.before[some] += tile.before(exact, self.matches[some])
        if self.unique:
            assert self._first is not None
            first = self._first[some][:, None]
            wanted = np.take_along_axis(exact, first, 1), np.take_along_axis(self.matches[some], first, 1)
            self._note_identities(some, labels.pids, tile, *wanted)

    def _note_identities(self, some: Integers, pids: Integers, tile: _Tile, exact: NDArray[np.float64], place: Integers) -> None:
        """Remember the identities of a tile with an entry before the first match."""
        present, starts = np.unique(pids, return_index=True)
        numbers = np.searchsorted(self.identities, present)
        low = numbers[0] // 8 * 8
        found = np.zeros((len(some), numbers[-1] + 1 - low), bool)
        found[:, numbers - low] = np.maximum.reduceat(tile.scores, starts, axis=1) > tile.bounds(exact)[1]
        rows, columns = tile.near(exact, place)
        found[rows, np.searchsorted(self.identities, pids[columns]) - low] = True
        packed = np.packbits(found, axis=1)
        self.seen[some, low // 8 : low // 8 + packed.shape[1]] |= packed

    def scores(self) -> QueryScores:
        """Scores of the queries, when all shards are counted."""
        if not self.matches.shape[1]:  # no identity of the queries is in the gallery
            return QueryScores(*np.full((3, len(self.matches)), np.nan))
        order = np.lexsort((self.matches, -np.where(self.counted, self.exact, -np.inf)), axis=1)
        ranks = np.take_along_axis(self.before, order, 1) + np.arange(1, order.shape[1] + 1)
        ranks = np.where(np.take_along_axis(self.counted, order, 1), ranks, FAR)
        hit = np.unpackbits(self.seen, axis=1).sum(1, dtype=np.int64) + 1 if self.unique else ranks.min(1)
        return summary(ranks, hit)


@dataclass(frozen=True)
class _Tile:
    """Float32 scores of some queries and some gallery entries.

    Attributes:
        scores: ``(q, c)``; minus infinity where an entry is no impostor.
        memory: ``(q, c)``, for the scores in order.
        rows, gallery: unit rows of all queries, and of the shard.
        queries: ``(q,)`` rows of ``rows``.
        entries: ``(c,)`` rows of ``gallery``.
        columns: ``(c,)`` where the entries stand in the gallery.
    """

    scores: Rows
    memory: Rows
    rows: Rows
    gallery: Rows
    queries: Integers
    entries: Integers
    columns: Integers

    def bounds(self, exact: NDArray[np.float64]) -> tuple[Rows, Rows]:
        """Least and largest float32 score that an entry with these exact scores may have."""
        margin = uncertainty(self.gallery.shape[1])
        return (exact - margin).astype(np.float32), (exact + margin).astype(np.float32)

    def before(self, exact: NDArray[np.float64], places: Integers) -> Integers:
        """``(q, k)`` impostors that come before each of the matches, which have these scores and places in the gallery."""
        np.copyto(self.memory, self.scores)
        self.memory.sort(axis=1)
        ordered, (low, high) = torch.from_numpy(self.memory), map(torch.from_numpy, self.bounds(exact))
        not_above = torch.searchsorted(ordered, high, right=True)
        found: Integers = self.scores.shape[1] - not_above.numpy()
        largest = ordered.gather(1, (not_above - 1).clamp_(min=0))  # of those that are not above
        rows, slots = np.nonzero(((largest >= low) & (not_above > 0)).numpy())
        for start in range(0, len(rows), PAIRS):
            row, slot = rows[start : start + PAIRS], slots[start : start + PAIRS]
            pairs, _ = self._near(row, exact[row, slot], places[row, slot])
            found[row, slot] += np.bincount(pairs, minlength=len(row))
        return found

    def near(self, exact: NDArray[np.float64], places: Integers) -> tuple[Integers, Integers]:
        """Row and column of impostors that are too near to call by float32 and come before the match, ``(q, 1)``, of the row."""
        low, high = self.bounds(exact)
        rows = np.flatnonzero(((self.scores >= low) & (self.scores <= high)).any(1))
        pairs, columns = self._near(rows, exact[rows, 0], places[rows, 0])
        return rows[pairs], columns

    def _near(self, rows: Integers, exact: NDArray[np.float64], places: Integers) -> tuple[Integers, Integers]:
        """Number of the match, and column, of the impostors near these matches that come before them; ``rows`` are those of the tile."""
        scores = self.scores[rows]
        low, high = self.bounds(exact[:, None])
        near = scores >= low
        near &= scores <= high
        pairs, columns = np.divmod(np.flatnonzero(near), scores.shape[1])  # a quarter of the time of np.nonzero
        found = exact_scores(self.rows, self.gallery, self.queries[rows[pairs]], self.entries[columns])
        first = (found > exact[pairs]) | ((found == exact[pairs]) & (self.columns[columns] < places[pairs]))
        return pairs[first], columns[first]
