"""k-reciprocal re-ranking in memory that grows with the number of images, not with its square."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor

from vireid.metrics.functional.arguments import as_distances
from vireid.metrics.functional.distances import pairwise_distances
from vireid.metrics.functional.reciprocal import BLOCK, Rows, averaged, encode, nearest
from vireid.metrics.functional.sparse_rows import SparseRows

Neighbours = Literal["faithful", "corrected"]


def k_reciprocal_rerank(
    query_gallery: Tensor | ArrayLike,
    query_query: Tensor | ArrayLike,
    gallery_gallery: Tensor | ArrayLike,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    neighbours: Neighbours = "faithful",
) -> Tensor:
    """Distances after k-reciprocal re-ranking, which compares the nearest neighbours of two images.

    Every image is described by its expanded k-reciprocal neighbours among queries and gallery together. The result is a weighted mean of
    the Jaccard distance of two descriptions and the given distance. It depends on the whole query set, so it is not the published rule
    of any protocol.

    The common code assumes that an image is the first of its own neighbours, but it sorts by distance only. An image is not the first
    if others are as close or closer: if there are copies of the image, if rounding leaves its distance to itself above 0, or if the
    diagonal was masked with a large number. Among more than ``k1 + 1`` copies, those after the first ``k1 + 1`` are in no list, not
    even their own. Their sets are empty, and with ``k2 = 1`` their Jaccard distance is 1 to everything.
    ``neighbours="corrected"`` puts every image first in its own list, so that it has ``k1`` others and its set is never empty. If
    all images are nearest to themselves without ties, both give equal results. Dividing the distances of an image by the largest one of
    them (step 1 of the common code) changes no list.

    Both follow the common code where the paper differs: a half-size set is added if *more* than two thirds of it are common
    (paper: at least), half of ``k1`` is rounded to even, and ``k2`` counts the image itself.

    Memory, beyond the three given matrices and the result: 8 bytes times ``max(k1 + 1, k2)`` per image for neighbours, about 28 bytes
    per non-zero weight (some hundreds per image at most, ``k1 (k1 / 2 + 2) k2`` in the worst case), and working blocks of at most about
    100 MiB. :func:`rerank_embeddings` needs no given matrices.

    Args:
        query_gallery: ``(Q, G)`` finite **Euclidean** distances, which the function squares; a tensor on any device or an array.
        query_query: ``(Q, Q)`` distances between queries, symmetric.
        gallery_gallery: ``(G, G)`` distances within the gallery, symmetric.
        k1: number of neighbours that may be reciprocal, at least 1; above Q + G all images are neighbours.
        k2: number of neighbours, the image included, whose descriptions are averaged; 1 for no average.
        lambda_value: weight of the given distance, 0 to 1.
        neighbours: ``"faithful"`` to the common code, or ``"corrected"``: every image is first in its own list.

    Returns:
        ``(Q, G)`` float32 on the device of ``query_gallery``; smaller is closer, about 0 to 1 (rounding may give -2e-7).

    Raises:
        ValueError: a shape, a number or an argument does not fit.

    Example:
        >>> points = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1]])
        >>> distances = pairwise_distances(points, points)
        >>> k_reciprocal_rerank(distances[:1, 1:], distances[:1, :1], distances[1:, 1:], k1=2, k2=1).topk(2, largest=False).indices
        tensor([[0, 1]])

    Reference:
        Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017 (their public code, also
        that of torchreid).
    """
    _check(k1, k2, lambda_value, neighbours)
    across = _floating("query_gallery", query_gallery)
    queries, gallery = across.shape
    own = (_floating("query_query", query_query, queries), _floating("gallery_gallery", gallery_gallery, gallery))
    within_queries, within_gallery = (matrix.to(across.device) for matrix in own)

    def rows(start: int, stop: int) -> Tensor:
        a, b = min(start, queries), min(stop, queries)
        c, d = max(start - queries, 0), max(stop - queries, 0)
        of_queries = torch.cat([within_queries[:, a:b].mT, across[a:b]], 1)
        of_gallery = torch.cat([across[:, c:d].mT, within_gallery[:, c:d].mT], 1)
        return _scaled(torch.cat([of_queries, of_gallery]))

    return _rerank(rows, queries, gallery, across.device, k1, k2, lambda_value, neighbours)


def rerank_embeddings(
    query: Tensor,
    gallery: Tensor,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    neighbours: Neighbours = "faithful",
    normalise: bool = True,
) -> Tensor:
    """Run :func:`k_reciprocal_rerank` on Euclidean distances, which are computed as needed and never in memory as a whole.

    Args:
        query: ``(Q, D)`` finite floating point embeddings.
        gallery: ``(G, D)``, on the same device.
        k1: length of the neighbour lists, at least 1.
        k2: neighbours over which encodings are averaged, at least 1; 1 for no average.
        lambda_value: share of the given distance in the result, in [0, 1].
        neighbours: ``"faithful"`` or ``"corrected"``, as in :func:`k_reciprocal_rerank`.
        normalise: whether to scale embeddings to unit length first.

    Returns:
        ``(Q, G)`` float32, as :func:`k_reciprocal_rerank` up to the rounding of matrix products of other shapes.

    Raises:
        ValueError: a shape, a number or an argument does not fit.

    Example:
        >>> query, gallery = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.0, 1.0], [0.1, 1.0]])
        >>> rerank_embeddings(query, gallery, k1=2, k2=1).argmin(1)
        tensor([0])
    """
    _check(k1, k2, lambda_value, neighbours)
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1] or 0 in (len(query), len(gallery)):
        shapes = f"{tuple(query.shape)} and {tuple(gallery.shape)}"
        raise ValueError(f"`query` and `gallery` must have shapes (Q, D) and (G, D) with equal D and at least one row, got {shapes}.")
    everything = torch.cat([query.detach(), gallery.detach()])
    everything = F.normalize(everything) if normalise else everything

    def rows(start: int, stop: int) -> Tensor:
        return _scaled(pairwise_distances(everything[start:stop], everything))

    return _rerank(rows, len(query), len(gallery), query.device, k1, k2, lambda_value, neighbours)


def _rerank(
    rows: Rows, queries: int, gallery: int, device: torch.device, k1: int, k2: int, lambda_value: float, neighbours: Neighbours
) -> Tensor:
    count = queries + gallery
    places = torch.arange(count, device=device)
    lists = nearest(rows, places, min(count, max(k1 + 1, k2)), own_first=neighbours == "corrected")
    encoding = encode(rows, lists, k1)
    if k2 > 1:
        encoding = averaged(encoding, lists[:, :k2])
    index = encoding.transposed(queries, count)
    result = torch.empty(queries, gallery, device=device)
    for start, stop in _query_spans(encoding, index, queries, count):
        common = _common(encoding, index, places[start:stop], gallery)
        jaccard = 1 - common / (2 - common)
        result[start:stop] = (1 - lambda_value) * jaccard + lambda_value * rows(start, stop)[:, queries:]
    return result


def _query_spans(encoding: SparseRows, index: SparseRows, queries: int, count: int) -> Iterator[tuple[int, int]]:
    """Blocks of queries that are bounded in rows and in pairs of non-zero weights."""
    touched = index.starts.diff()[encoding.columns[: int(encoding.starts[queries])]].cumsum(0)
    work = torch.cat([touched.new_zeros(1), touched])[encoding.starts[: queries + 1]].tolist()
    start = 0
    for stop in range(1, queries + 1):
        if stop == queries or work[stop + 1] - work[start] > BLOCK or (stop + 1 - start) * count > BLOCK:
            yield start, stop
            start = stop


def _common(encoding: SparseRows, index: SparseRows, rows: Tensor, gallery: int) -> Tensor:
    """``(B, G)`` sums over all images of the smaller one of two weights."""
    owner, entry = encoding.entries(rows)
    pair, other = index.entries(encoding.columns[entry])
    smaller = torch.minimum(encoding.values[entry][pair], index.values[other])
    sums = smaller.new_zeros(len(rows) * gallery)
    return sums.index_add_(0, owner[pair] * gallery + index.columns[other], smaller).view(len(rows), gallery)


def _scaled(distances: Tensor) -> Tensor:
    """Squares in float32, each row over its largest one; all zero if that is zero."""
    wide = distances if distances.dtype == torch.float64 else distances.float()
    squares = wide.square().float()
    if not bool(squares.isfinite().all()):
        raise ValueError("Distances must be finite, also when squared in float32, but hold NaN, infinity or too large numbers.")
    if float(wide.min()) < -1e-6 * float(wide.max().abs()):
        raise ValueError(f"Distances must not be negative, got {float(wide.min()):g}; pass Euclidean distances, not similarities.")
    largest = squares.max(1, keepdim=True).values
    return squares / largest.where(largest > 0, 1)


def _floating(name: str, values: Any, side: int | None = None) -> Tensor:
    matrix = as_distances(values, name, side)
    return matrix if matrix.is_floating_point() else matrix.double()


def _check(k1: int, k2: int, lambda_value: float, neighbours: str) -> None:
    for name, value in (("k1", k1), ("k2", k2)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1, got {value!r}.")
    if not 0 <= lambda_value <= 1:
        raise ValueError(f"`lambda_value` must lie in [0, 1], got {lambda_value!r}.")
    if neighbours not in get_args(Neighbours):
        raise ValueError(f'`neighbours` must be "faithful" or "corrected", got {neighbours!r}.')
