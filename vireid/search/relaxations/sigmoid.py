"""Relaxation in which candidates do not compete."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vireid.search.relaxations.base import Relaxation


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

    dense = True

    def __init__(self, normalise: bool = False) -> None:
        self.normalise = normalise

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (interface)
        return _shares(logits / temperature) if self.normalise else torch.sigmoid(logits / temperature)

    def probabilities(self, logits: Tensor) -> Tensor:
        """``sigmoid(a)`` over its sum in the row."""
        return _shares(logits)


def _shares(logits: Tensor) -> Tensor:
    """Sigmoids over their sum in the row; by logarithms, as all of them may be too small for a float."""
    return torch.softmax(functional.logsigmoid(logits), dim=-1)
