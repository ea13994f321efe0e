"""Sparse matrices by row, with the operations that re-ranking needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SparseRows:
    """Rows of a matrix that is mostly zero.

    Attributes:
        starts: ``(rows + 1,)`` int64; row i holds the entries ``starts[i]`` to ``starts[i + 1] - 1``.
        columns: ``(entries,)`` int64, ascending within a row.
        values: ``(entries,)`` float32.
    """

    starts: Tensor
    columns: Tensor
    values: Tensor

    @classmethod
    def from_blocks(cls, blocks: list[tuple[Tensor, Tensor, Tensor]]) -> SparseRows:
        """Join blocks of rows, each as its numbers of entries per row, columns and values."""
        counts, columns, values = (torch.cat(parts) for parts in zip(*blocks, strict=True))
        return cls(_starts(counts), columns, values)

    def entries(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """All entries of ``rows`` ``(n,)``, one row after the other: which of the n rows each belongs to, and its place in the arrays."""
        first = self.starts[rows]
        counts = self.starts[rows + 1] - first
        owner = torch.repeat_interleave(counts)
        shift = first - (counts.cumsum(0) - counts)
        return owner, shift[owner] + torch.arange(len(owner), device=owner.device)

    def transposed(self, first: int, columns: int) -> SparseRows:
        """Inverted index of the rows from ``first`` on: row l lists, counted from ``first``, the rows whose column l is not zero."""
        begin = int(self.starts[first])
        counts = self.starts[first:].diff()
        order = torch.argsort(self.columns[begin:], stable=True)
        rows = torch.repeat_interleave(counts)[order]
        return SparseRows(_starts(torch.bincount(self.columns[begin:], minlength=columns)), rows, self.values[begin:][order])


def _starts(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
