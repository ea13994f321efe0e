"""Distances between query and gallery embeddings, never in reduced precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor


def pairwise_distances(query: Tensor, gallery: Tensor) -> Tensor:
    """Euclidean distance between every query and gallery embedding.

    Args:
        query: ``(Q, D)`` floating point, any scale; half precision is computed in float32.
        gallery: ``(G, D)``.

    Returns:
        ``(Q, G)`` float32, or float64 if either side is float64; smaller is closer.

    Raises:
        ValueError: shapes or dtypes do not fit.

    Example:
        >>> pairwise_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    query, gallery = _comparable(query, gallery)
    return _euclidean(query, gallery)


def cosine_distances(query: Tensor, gallery: Tensor) -> Tensor:
    """One minus the cosine of the angle between every query and gallery embedding; a zero vector is at distance 1 from all.

    For embeddings of unit length this orders a gallery as :func:`pairwise_distances` does.

    Args:
        query: ``(Q, D)`` floating point; half precision is computed in float32.
        gallery: ``(G, D)``.

    Returns:
        ``(Q, G)`` float32, or float64 if either side is float64; 0 to 2 up to rounding; smaller is closer.

    Raises:
        ValueError: shapes or dtypes do not fit.

    Example:
        >>> cosine_distances(torch.tensor([[2.0, 0.0]]), torch.tensor([[5.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
        tensor([[0., 1., 2.]])
    """
    query, gallery = _comparable(query, gallery)
    return _cosine(F.normalize(query), F.normalize(gallery))


Rows = Tensor | slice

ALIGNED = 16
"""Rows of a tile start at multiples of this many numbers. Otherwise matrix products take 1.4 times as long."""

HELD, OFTEN = 2**27, 5
"""A gallery of up to so many numbers (half a gigabyte) is put in order once, if so many blocks of queries need it. Fresh memory for all of
it takes as long as putting it in order four times."""

TOGETHER = 2**20
"""Numbers of a gallery that are put in order at once otherwise. They should fit the CPU's cache until they are multiplied."""


class DistanceTiles:
    """Distances between blocks of embeddings. The whole matrix is never in memory.

    Args:
        query: ``(Q, D)`` embeddings.
        gallery: ``(G, D)`` embeddings.
        order: ``(G,)`` gallery row of each column, over all tiles.
        normalise: whether to use :func:`cosine_distances`; otherwise :func:`pairwise_distances`.
        times: for how many blocks of queries each column is asked for.

    Raises:
        ValueError: shapes or dtypes do not fit.
    """

    def __init__(self, query: Tensor, gallery: Tensor, order: Tensor, normalise: bool, times: int = 1) -> None:
        _check_comparable(query, gallery)
        self.query = query.detach()
        self.gallery = gallery.detach()
        self.order = order
        self.normalise = normalise
        self._columns = self._prepared(order) if times >= OFTEN and len(order) * gallery.shape[1] <= HELD else None

    def of(self, rows: Rows) -> Callable[[slice], Tensor]:
        """Distances of some queries as a function of the columns, ``(rows, columns)``; each call may use the same memory."""
        query, _ = _comparable(self.query[rows], self.gallery[:0])
        if self.normalise:
            query = F.normalize(query)
        memory = query.new_empty(0)

        def tile(columns: slice) -> Tensor:
            wanted = self.order[columns]
            if not self.normalise:
                return _euclidean(query, self._prepared(wanted) if self._columns is None else self._columns[columns])
            nonlocal memory
            width = -(-len(wanted) // ALIGNED) * ALIGNED
            if memory.numel() < len(query) * width:
                memory = query.new_empty(len(query) * width)
            out = memory[: len(query) * width].view(-1, width)[:, : len(wanted)]
            if self._columns is not None:
                return _cosine(query, self._columns[columns], out)
            step = max(ALIGNED, TOGETHER // max(1, query.shape[1]) // ALIGNED * ALIGNED) if out.device.type == "cpu" else len(wanted)
            for start in range(0, len(wanted), step):
                _cosine(query, self._prepared(wanted[start : start + step]), out[:, start : start + step])
            return out

        return tile

    def _prepared(self, entries: Tensor) -> Tensor:
        rows, _ = _comparable(self.gallery.index_select(0, entries), self.query[:0])
        return F.normalize(rows, out=rows) if self.normalise else rows  # nobody else has the selected rows


def _cosine(query: Tensor, gallery: Tensor, out: Tensor | None = None) -> Tensor:
    """One minus the products of rows of unit length."""
    with exact_products(query):
        products = torch.mm(query, gallery.mT, out=out)
    return torch.sub(1, products, out=products) if not products.requires_grad else 1 - products


def _euclidean(query: Tensor, gallery: Tensor) -> Tensor:
    with exact_products(query):
        squares = query.square().sum(1, keepdim=True) + gallery.square().sum(1)
        return torch.addmm(squares, query, gallery.mT, alpha=-2).clamp(min=0).sqrt()


def _comparable(query: Tensor, gallery: Tensor) -> tuple[Tensor, Tensor]:
    _check_comparable(query, gallery)
    dtype = torch.float64 if torch.float64 in (query.dtype, gallery.dtype) else torch.float32
    return query.to(dtype), gallery.to(dtype)


def _check_comparable(query: Tensor, gallery: Tensor) -> None:
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"`query` and `gallery` must have shapes (Q, D) and (G, D) with equal D, got {tuple(query.shape)} and {tuple(gallery.shape)}."
        )
    if not (query.is_floating_point() and gallery.is_floating_point()):
        raise ValueError(f"`query` and `gallery` must be floating point, got {query.dtype} and {gallery.dtype}.")


@contextmanager
def exact_products(rows: Tensor) -> Iterator[None]:
    """Context with full float32 matrix products. Autocast and TensorFloat-32 are off inside, and their settings are restored after it.

    The precision is one setting for all threads: enter the context before you start threads.
    """
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(rows.device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
