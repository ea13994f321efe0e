"""Exact ranks of the matches of many queries at once.

A rank is one plus the number of counted gallery entries that come before. Distances alone are sorted, without their order: the
rank of a match is found in the sorted row by bisection, and only rows in which a match is tied are sorted again, stably. The gallery
is laid out by identity, so that the matches of a query are one run of columns and identities can be counted by runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics.functional.rules import removed
from vireid.structures import Rule

FAR = torch.iinfo(torch.int64).max


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


class GalleryScorer:
    """Scores queries against one gallery.

    Args:
        pids: ``(G,)`` int64.
        camids: ``(G,)`` int64, or ``None`` for a rule without cameras.
        rule: see :func:`~vireid.metrics.functional.evaluate`.
        unique: count each identity once in the CMC curve.

    Attributes:
        order: ``(G,)`` gallery rows by identity, in gallery order within it: the order of columns that :meth:`score` wants.
    """

    def __init__(self, pids: Tensor, camids: Tensor | None, rule: Rule, unique: bool) -> None:
        self.rule = rule
        self.unique = unique
        self.order = torch.argsort(pids, stable=True)
        self.pids = pids[self.order]
        self.camids = None if camids is None else camids[self.order]
        self.identities, self.counts = torch.unique_consecutive(self.pids, return_counts=True)
        self.ends = self.counts.cumsum(0)

    def score(self, columns: Tensor, pids: Tensor, camids: Tensor | None) -> QueryScores:
        """Scores of some queries.

        Args:
            columns: ``(Q, G)`` finite float32 or float64 distances, columns in :attr:`order`; overwritten.
            pids: ``(Q,)`` int64 of the queries.
            camids: ``(Q,)`` int64, or ``None``.
        """
        gone = removed(self.rule, pids, self.pids, camids, self.camids)
        if gone is not None:
            columns.masked_fill_(gone, torch.inf)
        slots, inside = self._match_columns(pids)
        distances = columns.gather(1, slots).masked_fill_(~inside, torch.inf)
        ranks = self._ranks(columns, slots, distances)
        first = ranks.argmin(1, keepdim=True) if ranks.shape[1] else None
        if first is None:  # no identity of these queries is in the gallery
            return QueryScores(*np.full((3, len(columns)), np.nan))
        hit = ranks.gather(1, first).squeeze(1)
        if self.unique:
            hit = self._identity_ranks(columns, slots.gather(1, first), distances.gather(1, first))
        return _summary(ranks.cpu().numpy(), hit.cpu().numpy())

    def _match_columns(self, pids: Tensor) -> tuple[Tensor, Tensor]:
        """``(Q, K)`` columns of each query's identity, and which of them are meant (K is the largest count)."""
        run = torch.searchsorted(self.identities, pids).clamp_(max=len(self.identities) - 1)
        counts = self.counts[run] * (self.identities[run] == pids)
        steps = torch.arange(int(counts.max()), device=pids.device)
        start = self.ends[run] - self.counts[run]
        return (start[:, None] + steps).clamp_(max=len(self.pids) - 1), steps < counts[:, None]

    def _ranks(self, columns: Tensor, slots: Tensor, distances: Tensor) -> Tensor:
        """``(Q, K)`` ranks from 1 of the matches; :data:`FAR` where there is none (distance infinite)."""
        ordered = _sorted_rows(columns)
        before = torch.searchsorted(ordered, distances)
        absent = distances == torch.inf
        tied = (torch.searchsorted(ordered, distances, right=True) - before > 1) & ~absent
        rows = tied.any(1).nonzero().squeeze(1)
        if rows.numel():
            position = torch.empty_like(self.order)
            position[self.order] = torch.arange(len(self.order), device=position.device)
            by_rank = torch.sort(columns[rows][:, position], dim=1, stable=True).indices
            ranks = torch.empty_like(by_rank).scatter_(1, by_rank, torch.arange(by_rank.shape[1], device=rows.device).expand_as(by_rank))
            before[rows] = ranks.gather(1, self.order[slots[rows]])
        return (before + 1).masked_fill_(absent, FAR)

    def _identity_ranks(self, columns: Tensor, slot: Tensor, distance: Tensor) -> Tensor:
        """``(Q,)`` one plus the number of identities with an entry before the first match; that is at ``(Q, 1)`` column and distance."""
        earlier = columns < distance
        rows = ((columns == distance).sum(1) > 1).nonzero().squeeze(1)
        if rows.numel():
            earlier[rows] |= (columns[rows] == distance[rows]) & (self.order < self.order[slot[rows]])
        upto = earlier.cumsum(1, dtype=torch.int32)[:, self.ends - 1]
        return (upto.diff(dim=1, prepend=torch.zeros_like(upto[:, :1])) > 0).sum(1) + 1


def _sorted_rows(rows: Tensor) -> Tensor:
    """Rows in ascending order. On the CPU by numpy, whose vectorised sort takes a twentieth of the time of ``torch.sort``."""
    if rows.device.type == "cpu":
        return torch.from_numpy(np.sort(rows.numpy(), axis=1))
    return torch.sort(rows, dim=1).values


def _summary(ranks: NDArray[np.int64], hit: NDArray[np.int64]) -> QueryScores:
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
