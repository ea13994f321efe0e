"""What stands between the two passes over the activations of a norm site whose parameters were mixed before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

Kept = tuple[Any, ...]  # tensors, and None where there is nothing to keep


class SiteMap(NamedTuple):
    """The map ``(x - mean) * scale + offset`` of every row, and what it was made of.

    Attributes:
        scale, offset: ``(B, C)``.
        statistics: mean and biased variance ``(G, C)`` of each modality, and ``(C,)`` of all rows.
        kept: for the backward pass.
    """

    scale: Tensor
    offset: Tensor
    statistics: tuple[Tensor, Tensor, Tensor, Tensor]
    kept: Kept


@dataclass(frozen=True)
class SiteAlgebra(ABC):
    """Algebra on ``(B, C)`` and ``(G, C)``.

    Args:
        counts: rows of the G modalities.
        pixels: H x W.
        eps: added to variances.
    """

    counts: tuple[int, ...]
    pixels: int
    eps: float

    @abstractmethod
    def forward(self, mean: Tensor, var: Tensor, coefficients: Tensor) -> SiteMap:
        """The map of every row.

        Args:
            mean, var: ``(B, C)`` of every row.
            coefficients: ``(3, G, C)`` or ``(4, G, C)``, see :func:`~vireid.nn.norm.mixed_site.mixed_site`.
        """

    @abstractmethod
    def backward(self, products: Tensor, sums: Tensor, mean: Tensor, kept: Kept) -> tuple[Tensor, Tensor, Tensor]:
        """Gradient of the coefficients, and slope and level ``(B, C)`` of the gradient of the input.

        What goes through the statistics is ``(x - mean) * slope + level``.

        Args:
            products, sums: ``(B, C)`` sums of ``grad * (x - mean)`` and of ``grad`` over the pixels.
            mean: ``(B, C)`` of every row.
            kept: by the forward pass.
        """
