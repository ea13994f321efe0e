"""Exact ranks of the matches of many queries, computed one tile of distances at a time.

A rank is one plus the number of counted gallery entries that come before, so tiles of the gallery can be counted one after the other
and then dropped. Within a tile, only the distances are sorted, without their indices. Bisection finds the entries before a match, and
only rows in which a match is tied are processed again. The gallery is laid out by identity: the matches of a query are one run of
columns, and no identity is cut by the edge of a tile, so that identities can be counted by runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics.functional.rules import removed, removed_matches
from vireid.structures import Rule

FAR = torch.iinfo(torch.int64).max
KEPT = 2**25
"""Tiles that hold matches are needed twice. They are kept in memory if they have no more distances than this, or else computed again."""

FEW = 4
"""One tied match in this many rows is resolved alone; more ties are resolved row by row."""

Tile = Callable[[slice], Tensor]


@dataclass(frozen=True)
class QueryScores:
    """Scores of queries, ``(Q,)`` float64 each; NaN for a query without a match that counts.

    Attributes:
        ap: average precision.
        inp: inverse negative penalty, matches divided by the rank of the last one.
        hit: rank of the first match, among entries or, for unique-identity CMC, among identities.
    """

    ap: NDArray[np.float64]
    inp: NDArray[np.float64]
    hit: NDArray[np.float64]

    @classmethod
    def concatenate(cls, parts: list[QueryScores]) -> QueryScores:
        """Scores of the queries of all parts."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("ap", "inp", "hit")))

    def __getitem__(self, rows: NDArray[np.int64]) -> QueryScores:
        return QueryScores(self.ap[rows], self.inp[rows], self.hit[rows])


@dataclass(frozen=True)
class _Matches:
    """Gallery entries of the queries' identities.

    Attributes:
        columns: ``(Q, K)``; K is the largest number of entries of an identity.
        gone: which of them the rule removes.
        counts: which of them count; the others are removed, or fill up a shorter row.
        distances: infinite where they do not count.
        positions: in the gallery as it was given, which decides ties.
    """

    columns: Tensor
    gone: Tensor
    counts: Tensor
    distances: Tensor
    positions: Tensor

    def within(self, cut: slice) -> Tensor:
        """Which columns lie in a tile."""
        return _within(self.columns, cut)


class GalleryScorer:
    """Scores queries against one gallery.

    Args:
        pids: ``(G,)`` int64.
        camids: ``(G,)`` int64, or ``None`` for a rule without cameras.
        rule: see :func:`~vireid.metrics.functional.evaluate`.
        unique: whether to count each identity once in the CMC curve.
        width: columns of a tile; a tile is wider where an identity has more entries. ``None`` makes one tile.

    Attributes:
        order: ``(G,)`` gallery rows by identity, in gallery order within it: the columns that tiles are cut from.
        widest: columns of the widest tile.
    """

    def __init__(self, pids: Tensor, camids: Tensor | None, rule: Rule, unique: bool, width: int | None = None) -> None:
        self.rule = rule
        self.unique = unique
        self.order = torch.argsort(pids, stable=True)
        self.camids = None if camids is None else camids[self.order]
        self.identities, self.counts = torch.unique_consecutive(pids[self.order], return_counts=True)
        self.ends = self.counts.cumsum(0)
        self.cuts = _cuts(self.ends.cpu().numpy(), width)
        self.widest = max(cut.stop - cut.start for cut in self.cuts)

    def score(self, tile: Tile, pids: Tensor, camids: Tensor | None) -> QueryScores:
        """Scores of some queries.

        Args:
            tile: gives ``(Q, w)`` finite float32 or float64 distances of the queries to a slice of the columns; they are overwritten, and
                the next call may use their memory again.
            pids: ``(Q,)`` int64 of the queries.
            camids: ``(Q,)`` int64, or ``None``.
        """
        columns, inside = self._match_columns(pids)
        if not columns.shape[1]:  # no identity of these queries is in the gallery
            return QueryScores(*np.full((3, len(pids)), np.nan))
        own = [cut for cut in self.cuts if bool((inside & _within(columns, cut)).any())]
        kept = {}
        if len(pids) * sum(cut.stop - cut.start for cut in own) <= KEPT or len(self.cuts) == 1:
            kept = {cut.start: tile(cut) if len(self.cuts) == 1 else tile(cut).clone() for cut in own}
        matches = self._matches(lambda cut: kept[cut.start] if kept else tile(cut), own, columns, inside, camids)
        first = _first(matches)
        before = torch.zeros_like(columns)
        identities = torch.ones_like(pids)
        memory = matches.distances.new_empty(len(pids) * self.widest if pids.device.type == "cpu" else 0)
        for cut in self.cuts:
            distances = kept.pop(cut.start) if cut.start in kept else tile(cut)
            self._remove(distances, cut, matches, camids)
            if self.unique:
                identities += self._identities_before(distances, cut, matches, first)
            before += self._entries_before(distances, cut, matches, memory)
        ranks = (before + 1).masked_fill_(~matches.counts, FAR)
        hit = identities if self.unique else ranks.amin(1)
        return summary(ranks.cpu().numpy(), hit.cpu().numpy())

    def _match_columns(self, pids: Tensor) -> tuple[Tensor, Tensor]:
        """``(Q, K)`` columns of each query's identity, and which of them are meant (K is the largest count)."""
        run = torch.searchsorted(self.identities, pids).clamp_(max=len(self.identities) - 1)
        counts = self.counts[run] * (self.identities[run] == pids)
        steps = torch.arange(int(counts.max()), device=pids.device)
        start = self.ends[run] - self.counts[run]
        return (start[:, None] + steps).clamp_(max=len(self.order) - 1), steps < counts[:, None]

    def _matches(self, tile: Tile, own: list[slice], columns: Tensor, inside: Tensor, camids: Tensor | None) -> _Matches:
        """The matches, with their distances from the very tiles in which they will be counted."""
        gone = torch.zeros_like(inside)
        if camids is not None and self.camids is not None:
            gone = inside & removed_matches(self.rule, camids[:, None], self.camids[columns])
        counts = inside & ~gone
        distances = columns.new_full((), 0)
        for number, cut in enumerate(own):
            values = tile(cut)
            if number == 0:
                distances = values.new_full(columns.shape, torch.inf)
            here = counts & _within(columns, cut)
            distances = torch.where(here, values.gather(1, (columns - cut.start).clamp_(0, values.shape[1] - 1)), distances)
        return _Matches(columns, gone, counts, distances, self.order[columns])

    def _remove(self, distances: Tensor, cut: slice, matches: _Matches, camids: Tensor | None) -> None:
        """Entries that the rule removes go to infinity."""
        if camids is None or self.camids is None:
            return
        impostors = removed(self.rule, camids, self.camids[cut])
        if impostors is not None:
            distances.masked_fill_(impostors, torch.inf)
        rows, slots = (matches.gone & matches.within(cut)).nonzero(as_tuple=True)
        distances[rows, matches.columns[rows, slots] - cut.start] = torch.inf

    def _entries_before(self, distances: Tensor, cut: slice, matches: _Matches, memory: Tensor) -> Tensor:
        """``(Q, K)`` entries of a tile that come before each match; ties in the order of the gallery."""
        ordered = _sorted_rows(distances, memory)
        before = torch.searchsorted(ordered, matches.distances)
        own = matches.within(cut) & matches.counts
        after = before + own.long()  # where the next larger distance stands, unless there are ties
        tied = (ordered.gather(1, after.clamp(max=ordered.shape[1] - 1)) == matches.distances) & (after < ordered.shape[1]) & matches.counts
        rows, slots = tied.nonzero(as_tuple=True)
        if len(rows) <= len(distances) // FEW:
            wanted = matches.distances[rows, slots][:, None], matches.positions[rows, slots][:, None]
            equal = (distances[rows] == wanted[0]) & (self.order[cut] < wanted[1])
            before[rows, slots] += equal.sum(1)
        else:
            rows = torch.unique_consecutive(rows)
            wanted = matches.distances[rows], matches.positions[rows]
            before[rows] = _before_with_ties(distances[rows], self.order[cut], ordered[rows], *wanted)
        return before

    def _identities_before(self, distances: Tensor, cut: slice, matches: _Matches, first: Tensor) -> Tensor:
        """``(Q,)`` identities of a tile with an entry before the first match of the query, ``first`` ``(Q, 1)`` among its matches."""
        distance, position = matches.distances.gather(1, first), matches.positions.gather(1, first)
        runs = slice(int(torch.searchsorted(self.ends, cut.start, right=True)), int(torch.searchsorted(self.ends, cut.stop)) + 1)
        ends = self.ends[runs] - cut.start
        nearest = _least_of_runs(distances, ends)
        before = (nearest < distance).sum(1)
        own = matches.within(cut).gather(1, first).squeeze(1)
        rows = (((nearest == distance).sum(1) > own) & distance.isfinite().squeeze(1)).nonzero().squeeze(1)
        if rows.numel():
            earlier = (distances[rows] < distance[rows]) | ((distances[rows] == distance[rows]) & (self.order[cut] < position[rows]))
            before[rows] = (_least_of_runs(~earlier, ends) == 0).sum(1)
        return before


def _within(columns: Tensor, cut: slice) -> Tensor:
    inside: Tensor = (columns >= cut.start) & (columns < cut.stop)
    return inside


def _cuts(ends: NDArray[np.int64], width: int | None) -> list[slice]:
    """Slices of about ``width`` columns that end where identities end."""
    total = int(ends[-1])
    cuts, start = [], 0
    while start < total:
        last = len(ends) if width is None else int(np.searchsorted(ends, start + width, side="right"))
        stop = int(ends[last - 1]) if last and ends[last - 1] > start else int(ends[min(last, len(ends) - 1)])
        cuts.append(slice(start, stop))
        start = stop
    return cuts


def _first(matches: _Matches) -> Tensor:
    """``(Q, 1)`` number of each query's nearest match, the first in the gallery among equals."""
    nearest = matches.distances == matches.distances.amin(1, keepdim=True)
    return torch.where(nearest, matches.positions, FAR).argmin(1, keepdim=True)


def _least_of_runs(values: Tensor, ends: Tensor) -> Tensor:
    """``(Q, runs)`` minimum of each run of columns; ``ends`` are exclusive."""
    if values.device.type == "cpu":
        starts = np.concatenate(([0], ends[:-1].numpy()))
        return torch.from_numpy(np.minimum.reduceat(values.numpy(), starts, axis=1))
    run = torch.searchsorted(ends, torch.arange(values.shape[1], device=ends.device), right=True)
    values = values.float() if values.dtype == torch.bool else values
    least = values.new_full((len(values), len(ends)), torch.inf)
    return least.scatter_reduce_(1, run.expand_as(values), values, "amin")


def _sorted_rows(rows: Tensor, memory: Tensor) -> Tensor:
    """Rows in ascending order. On the CPU by numpy, whose vectorised sort takes a twentieth of the time of ``torch.sort``.

    There they are written to ``memory``, a long enough vector: fresh memory for every tile would take as long as the sort.
    """
    if rows.device.type != "cpu":
        return torch.sort(rows, dim=1).values
    ordered = memory[: rows.numel()].view(rows.shape).copy_(rows)
    ordered.numpy().sort(axis=1)
    return ordered


def _before_with_ties(distances: Tensor, positions: Tensor, ordered: Tensor, wanted: Tensor, wanted_positions: Tensor) -> Tensor:
    """``(Q, K)`` entries that come before each wanted one by distance, and by position where distances are equal.

    Both are packed into one integer: the number of smaller distances, and the position in the gallery.
    """
    keys = (torch.searchsorted(ordered, distances) << 32) + positions
    smaller = torch.searchsorted(ordered, wanted)
    present = ordered.gather(1, smaller.clamp(max=ordered.shape[1] - 1)) == wanted  # else all that is not smaller is larger
    return torch.searchsorted(_sorted_rows(keys, keys.view(-1)), (smaller << 32) + wanted_positions * present)


def summary(ranks: NDArray[np.int64], hit: NDArray[np.int64]) -> QueryScores:
    """Scores from ``(Q, K)`` ranks of the matches, :data:`FAR` where there is none, and ``(Q,)`` first ranks."""
    ranks = np.sort(ranks, axis=1)
    present = ranks != FAR
    number = present.sum(1)
    precision = np.where(present, np.arange(1, ranks.shape[1] + 1) / ranks, 0.0)
    valid = number > 0
    last = np.take_along_axis(ranks, np.maximum(number - 1, 0)[:, None], axis=1).squeeze(1)
    nan = np.full(len(ranks), np.nan)
    return QueryScores(
        ap=np.divide(precision.sum(1), number, out=nan.copy(), where=valid),
        inp=np.divide(number, last, out=nan.copy(), where=valid),
        hit=np.where(valid, hit, nan),
    )
