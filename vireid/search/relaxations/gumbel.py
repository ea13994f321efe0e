"""Relaxations by Gumbel noise: samples from a softmax that have a gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.search.relaxations.base import Relaxation, one_hot_argmax, straight_through, uniform_noise


class GumbelSoft(Relaxation):
    """``softmax((a + g) / t)`` with Gumbel noise ``g``: a random, differentiable mixture.

    Reference:
        SNAS (Xie et al., ICLR 2019), arXiv 1812.09926.
    """

    dense = True

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        return torch.softmax((logits + gumbel_noise(logits, generator)) / temperature, dim=-1)


class GumbelHard(Relaxation):
    """One-hot weights of the same sample as :class:`GumbelSoft`; gradients are the soft sample's (straight through).

    With logits that need no gradient, a network can run the chosen candidate alone.

    Reference:
        Straight-through Gumbel-softmax (Jang et al., ICLR 2017), arXiv 1611.01144.
    """

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        soft = torch.softmax((logits + gumbel_noise(logits, generator)) / temperature, dim=-1)
        return straight_through(one_hot_argmax(soft), soft)


def gumbel_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise in the shape, dtype and place of ``like``, drawn on the CPU in float64 so that devices agree."""
    return (-torch.log(-torch.log(uniform_noise(like, generator)))).to(device=like.device, dtype=like.dtype, non_blocking=True)
