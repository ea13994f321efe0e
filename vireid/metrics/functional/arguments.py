"""Checks and conversions of the arguments of metrics."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics.functional.rules import check_camids
from vireid.structures import Rule


def check_topk(topk: Sequence[int]) -> NDArray[np.int64]:
    """``topk`` as an array.

    Raises:
        ValueError: ``topk`` is empty, or a rank is below 1.
    """
    ranks = np.asarray(topk)
    if ranks.ndim != 1 or len(ranks) == 0 or ranks.dtype.kind not in "iu" or ranks.min() < 1:
        raise ValueError(f"`topk` must hold at least one rank, each an integer of at least 1, got {topk!r}.")
    return ranks.astype(np.int64)


def as_distances(distances: Any, name: str = "distances", side: int | None = None) -> Tensor:
    """``(Q, G)`` tensor of real numbers.

    Args:
        distances: the given matrix.
        name: name of the argument.
        side: number of rows and of columns of a square matrix; ``None`` for any shape.

    Raises:
        ValueError: the shape does not fit, there are no rows or columns, or the numbers are complex or bool.
    """
    matrix = _tensor(name, distances).detach()
    if matrix.ndim != 2 or 0 in matrix.shape or (side is not None and matrix.shape != (side, side)):
        wanted = "(Q, G) with at least one query and one gallery entry" if side is None else f"({side}, {side}) to fit `query_gallery`"
        raise ValueError(f"`{name}` must have shape {wanted}, got {tuple(matrix.shape)}.")
    if matrix.is_complex() or matrix.dtype == torch.bool:
        raise ValueError(f"`{name}` must be real numbers, got {matrix.dtype}.")
    return matrix


def ranked_dtype(rows: Tensor) -> Tensor:
    """Half precision as float32 and integers as float64, which keeps every order; float32 and float64 as they are."""
    if rows.is_floating_point():
        return rows.float() if rows.element_size() < 4 else rows
    return rows.double()


def labels(side: str, pids: Any, camids: Any, rows: int, rule: Rule, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """``(rows,)`` int64 identities and cameras; ``None`` for cameras that the rule does not read.

    Raises:
        ValueError: shapes do not fit, values are not integers, or cameras are missing or impossible.
    """
    found = _integers(f"{side}_pids", pids, rows, device)
    cameras = None if camids is None or rule == "regdb" else _integers(f"{side}_camids", camids, rows, device)
    check_camids(rule, f"{side}_camids", cameras)
    return found, cameras


def _tensor(name: str, values: Any) -> Tensor:
    """A tensor that shares memory if possible. NumPy views with negative strides cannot share memory."""
    if isinstance(values, np.ndarray) and any(stride < 0 for stride in values.strides):
        values = values.copy()
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:  # of texts, None, rows of several lengths
        raise ValueError(f"`{name}` must be numbers, got {reprlib.repr(values)} ({error}).") from error


def _integers(name: str, values: Any, rows: int, device: torch.device) -> Tensor:
    tensor = _tensor(name, values)
    if tensor.shape != (rows,):
        raise ValueError(f"`{name}` must have shape ({rows},) to fit the distances, got {tuple(tensor.shape)}.")
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise ValueError(f"`{name}` must be integers, got {tensor.dtype}.")
    return tensor.to(device=device, dtype=torch.int64)


def check_finite(columns: Tensor) -> None:
    """Raise ``ValueError`` if a distance is NaN or infinite."""
    least, most = columns.aminmax()  # a NaN makes both NaN
    if not (bool(least.isfinite()) and bool(most.isfinite())):
        raise ValueError("`distances` must be finite, but hold NaN or infinity; to leave entries out, choose a `rule` that removes them.")


def check_embeddings(name: str, rows: Tensor) -> None:
    """Raise ``ValueError`` unless ``rows`` is ``(n, D)``, n at least 1, and finite, squared length included."""
    if rows.ndim != 2 or rows.shape[0] == 0:
        raise ValueError(f"`{name}` must have shape (rows, dimensions) with at least one row, got {tuple(rows.shape)}.")
    lengths = torch.linalg.vector_norm(rows.detach() if rows.dtype in (torch.float32, torch.float64) else rows.detach().float(), dim=1)
    if bool(lengths.isfinite().all()):
        return
    bad = int((~rows.isfinite().all(1)).sum())
    if bad:
        raise ValueError(f"`{name}` must be finite, but {bad} of {len(rows)} rows hold NaN or infinity; has training diverged?")
    bad = int((~lengths.isfinite()).sum())
    raise ValueError(f"`{name}` must be finite, but the length of {bad} of {len(rows)} rows overflows {rows.dtype}; scale them down.")
