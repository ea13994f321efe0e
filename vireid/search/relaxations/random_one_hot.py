"""Random search in the shape of a relaxation."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.search.relaxations.base import Relaxation, exists, one_hot_argmax
from vireid.search.relaxations.gumbel import gumbel_noise


class RandomOneHot(Relaxation):
    """One candidate of every row, uniformly at random, whatever the logits: random search with shared weights.

    Logits never learn. They start from random numbers, so that the derived genotype is a uniformly random point of the space.

    Reference:
        Li, Talwalkar: Random Search and Reproducibility for Neural Architecture Search, UAI 2019, arXiv 1902.07638.
    """

    learns = False

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (interface)
        noise = gumbel_noise(logits, generator)
        return one_hot_argmax(noise.masked_fill(~exists(logits), -torch.inf))

    def initial(self, allowed: Tensor, generator: torch.Generator) -> Tensor:
        """Independent normal numbers: every order of the candidates is equally likely."""
        return torch.randn(allowed.shape, generator=generator, dtype=torch.float64).float()

    def probabilities(self, logits: Tensor) -> Tensor:
        """Equal for every candidate that exists."""
        here = exists(logits).to(logits.dtype)
        return here / here.sum(dim=-1, keepdim=True)
