"""From architecture parameters to mixture weights. A relaxation knows neither the space nor the optimiser."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.structures import Recorded


class Relaxation(Recorded):
    """Maps ``(S, K)`` logits to ``(S, K)`` non-negative weights whose rows sum to 1."""

    def __call__(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """Weights for one step.

        Args:
            logits: ``(S, K)`` float.
            temperature: positive; towards 0 the weights approach a choice.
            generator: source of the noise, on the CPU; a relaxation without noise does not touch it.
        """
        raise NotImplementedError


class Softmax(Relaxation):
    """``softmax(a / t)``, without noise.

    Reference:
        DARTS (Liu et al., ICLR 2019), arXiv 1806.09055.
    """

    def __call__(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (interface)
        return torch.softmax(logits / temperature, dim=-1)


class GumbelSoft(Relaxation):
    """``softmax((a + g) / t)`` with Gumbel noise ``g``: a random, differentiable mixture.

    Reference:
        SNAS (Xie et al., ICLR 2019), arXiv 1812.09926.
    """

    def __call__(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        return torch.softmax((logits + gumbel_noise(logits, generator)) / temperature, dim=-1)


class GumbelHard(Relaxation):
    """One-hot weights of the same sample as :class:`GumbelSoft`; gradients are the soft sample's (straight through).

    With logits that need no gradient, a network can run the chosen candidate alone.

    Reference:
        Straight-through Gumbel-softmax (Jang et al., ICLR 2017), arXiv 1611.01144.
    """

    def __call__(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        soft = torch.softmax((logits + gumbel_noise(logits, generator)) / temperature, dim=-1)
        hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(dim=-1, keepdim=True), 1.0)
        return hard + (soft - soft.detach()) if soft.requires_grad else hard


def gumbel_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise in the shape, dtype and place of ``like``, drawn on the CPU in float64 so that devices agree."""
    uniform = torch.rand(like.shape, generator=generator, dtype=torch.float64).clamp_min(torch.finfo(torch.float64).tiny)
    return (-torch.log(-torch.log(uniform))).to(device=like.device, dtype=like.dtype)
