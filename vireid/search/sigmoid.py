"""Relaxation in which candidates do not compete."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.search.relaxation import Relaxation, exists


class Sigmoid(Relaxation):
    """``sigmoid(a / t)`` for every candidate by itself, without noise: rows do not sum to 1.

    Towards temperature 0 the weights approach 0 or 1, and any number of candidates of a row may stay. The published method has
    no temperature (1 here) and a further loss that pulls weights to 0 or 1, which is not part of the relaxation.

    Args:
        normalise: divide by the sum of a row, so that a mixture keeps the scale of its candidates. ``False`` is the published form.

    Reference:
        FairDARTS (Chu, Zhou, Zhang, Li: Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search,
        ECCV 2020), arXiv 1911.12126.
    """

    def __init__(self, normalise: bool = False) -> None:
        self.normalise = normalise

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (interface)
        weights = torch.sigmoid(logits / temperature)
        return weights / weights.sum(dim=-1, keepdim=True) if self.normalise else weights

    def probabilities(self, logits: Tensor) -> Tensor:
        """``sigmoid(a)`` over its sum in the row."""
        smallest = torch.finfo(logits.dtype).tiny
        weights = torch.where(exists(logits), torch.sigmoid(logits).clamp_min(smallest), 0.0)
        return weights / weights.sum(dim=-1, keepdim=True)
