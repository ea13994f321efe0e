"""Distances for losses: differentiable, with a lower bound, and never in half precision."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-12


def full_precision(rows: Tensor) -> Tensor:
    """``rows`` in float32; float64 stays. Sums of squares overflow in float16, and bfloat16 is too coarse for the margin."""
    return rows if rows.dtype == torch.float64 else rows.float()


def no_autocast(rows: Tensor) -> torch.autocast:
    """Context in which operations on ``rows`` keep the dtype of ``rows``, also under mixed precision."""
    return torch.autocast(rows.device.type, enabled=False)


def floored_distances(first: Tensor, second: Tensor) -> Tensor:
    """``sqrt(max(|a|^2 + |b|^2 - 2 a.b, 1e-12))`` between all rows; the lower bound makes the gradient of equal rows zero.

    Args:
        first: ``(n, d)`` in full precision.
        second: ``(m, d)`` in full precision.

    Returns:
        ``(n, m)`` Euclidean distances, at least 1e-6.
    """
    squares = first.square().sum(1, keepdim=True) + second.square().sum(1)
    return torch.addmm(squares, first, second.mT, alpha=-2).clamp(min=FLOOR).sqrt()
