"""Nearest neighbours, k-reciprocal sets and their encoding, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vireid.metrics.functional.sparse_rows import SparseRows

BLOCK = 2**21
"""Numbers of a dense block of rows: 8 MiB in float32, 16 MiB as sorting keys."""

Rows = Callable[[int, int], Tensor]
"""``rows(start, stop)`` gives ``(stop - start, N)`` float32 distances, at least 0, of some items to all N."""


def spans(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Start and stop of blocks of rows that are ``width`` wide."""
    step = max(1, BLOCK // width)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def nearest(rows: Rows, places: Tensor, k: int, own_first: bool) -> Tensor:
    """``(N, k)`` int64: items by distance, equal ones in their order, as a stable sort gives them.

    Args:
        rows: distances of N items.
        places: ``(N,)`` int64, 0 to N - 1.
        k: at most N.
        own_first: whether every item heads its own list, whatever its distances say.
    """
    found = []
    for start, stop in spans(len(places), len(places)):
        bits = rows(start, stop).contiguous().view(torch.int32)  # floats from 0 on are ordered as their bits are
        keys = bits.long().bitwise_left_shift_(32).bitwise_or_(places)
        if own_first:
            own = places[start:stop]
            keys[own - start, own] = own - 2**32
        found.append(keys.topk(k, dim=1, largest=False, sorted=True).values & (2**32 - 1))
    return torch.cat(found)


def reciprocal_sets(neighbours: Tensor, k: int) -> Tensor:
    """``(N + 1, k + 1)``: the first k + 1 neighbours of each item; N in place of one that has not the item among its own, and in row N."""
    first = neighbours[:, : k + 1]
    count, width = first.shape
    sets = first.new_full((count + 1, width), count)
    for start, stop in spans(count, width * width):
        mine = first[start:stop]
        mutual = (first[mine] == torch.arange(start, stop, device=first.device)[:, None, None]).any(2)
        sets[start:stop] = mine.where(mutual, count)
    return sets


def encode(rows: Rows, neighbours: Tensor, k1: int) -> SparseRows:
    """``(N, N)`` weights of the expanded k-reciprocal sets: ``exp(-distance)`` over its sum; an empty set has none."""
    count = len(neighbours)
    members, halves = reciprocal_sets(neighbours, k1), reciprocal_sets(neighbours, round(k1 / 2))
    blocks = []
    for start, stop in spans(count, max(count, members.shape[1] * halves.shape[1])):
        mask = _expanded(members[start:stop], halves)
        row, column = mask.nonzero(as_tuple=True)
        weights = torch.exp(-rows(start, stop)[row, column])
        sums = weights.new_zeros(stop - start).index_add_(0, row, weights)
        blocks.append((mask.sum(1), column, weights / sums[row]))
    return SparseRows.from_blocks(blocks)


def _expanded(members: Tensor, halves: Tensor) -> Tensor:
    """``(B, N)`` bool: members, and the half-size sets of those of them that have more than two thirds of theirs in common with all."""
    count = len(halves) - 1
    mask = torch.zeros(len(members), count + 1, dtype=torch.bool, device=members.device)
    mask.scatter_(1, members, True)
    mask[:, count] = False
    candidates = halves[members]  # (B, k1 + 1, k1 / 2 + 1)
    common = mask.gather(1, candidates.flatten(1)).view_as(candidates).sum(2)
    accepted = 3 * common > 2 * (candidates != count).sum(2)
    mask.scatter_(1, candidates.where(accepted[..., None], count).flatten(1), True)
    return mask[:, :count]


def averaged(encoding: SparseRows, neighbours: Tensor) -> SparseRows:
    """Mean of the rows of each item's neighbours ``(N, k2)``."""
    count, k2 = neighbours.shape
    blocks = []
    for start, stop in spans(count, count):
        owner, entry = encoding.entries(neighbours[start:stop].flatten())
        total = encoding.values.new_zeros((stop - start) * count)
        total.index_add_(0, owner.div(k2, rounding_mode="floor") * count + encoding.columns[entry], encoding.values[entry])
        mean = total.view(stop - start, count).div_(k2)
        row, column = mean.nonzero(as_tuple=True)
        blocks.append((torch.bincount(row, minlength=stop - start), column, mean[row, column]))
    return SparseRows.from_blocks(blocks)
