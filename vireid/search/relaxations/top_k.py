"""Relaxation to the k most likely candidates."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.search.relaxations.base import Relaxation, exists, straight_through


class TopK(Relaxation):
    """Weight 1 for the ``k`` largest logits of a row, the first of equal ones; gradients are those of ``softmax(a / t)``.

    There is no noise: the same candidates run until the logits change their order. The temperature scales gradients alone.
    A row with fewer than ``k`` candidates takes all it has.

    Args:
        k: candidates per row, at least 1.
        average: weight 1/k instead of 1, so that rows sum to 1 and a mixture keeps the scale of its candidates. ``False``, the
            published form, sums them.

    Raises:
        SettingsError: ``k`` below 1.

    Reference:
        CDNet (Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021), with k = 2.
    """

    def __init__(self, k: int = 2, average: bool = False) -> None:
        if k < 1:
            raise SettingsError(f"`k` must be at least 1, got {k}.")
        self.k, self.average = k, average

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (interface)
        soft = torch.softmax(logits / temperature, dim=-1)
        order = torch.sort(logits.detach(), dim=-1, descending=True, stable=True).indices
        hard = torch.zeros_like(soft).scatter_(-1, order[:, : self.k], 1.0) * exists(logits)
        return straight_through(hard / hard.sum(-1, keepdim=True) if self.average else hard, soft)
