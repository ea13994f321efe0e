"""Distances inside losses: differentiable, floored, never in half precision."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-12


def full_precision(rows: Tensor) -> Tensor:
    """``rows`` in float32, or in float64 if they are so already: sums of squares overflow in float16 and lose the margin in bfloat16."""
    return rows if rows.dtype == torch.float64 else rows.float()


def no_autocast(rows: Tensor) -> torch.autocast:
    """Context in which operations on ``rows`` keep their dtype even under mixed precision."""
    return torch.autocast(rows.device.type, enabled=False)


def floored_distances(first: Tensor, second: Tensor) -> Tensor:
    """``sqrt(max(|a|^2 + |b|^2 - 2 a.b, 1e-12))`` between all rows; the floor keeps the gradient of equal rows at zero.

    Args:
        first: ``(n, d)`` in full precision.
        second: ``(m, d)`` in full precision.

    Returns:
        ``(n, m)`` Euclidean distances, at least 1e-6.
    """
    squares = first.square().sum(1, keepdim=True) + second.square().sum(1)
    return torch.addmm(squares, first, second.mT, alpha=-2).clamp(min=FLOOR).sqrt()
