"""The relaxation of OSNet-AIN."""

from __future__ import annotations

import math

import torch
import torch.distributed
from torch import Tensor

from vireid.search.relaxations.base import Relaxation, exists, uniform_noise

EPSILON = 1e-12
LARGEST = 1 - 2**-24  # the largest uniform number of the published code, which draws in float32


class RectifiedGumbel(Relaxation):
    """Gumbel-softmax over the rectified parameters themselves: ``log(max(w, 0) + e) + g`` instead of ``a + g``.

    This is faithful to the published code, which has these consequences:

    - Parameters start at 1.
    - Towards temperature 0 a candidate is picked with probability ``max(w, 0) / sum``.
    - The gradient grows as ``1 / w`` and is exactly 0 for ``w <= 0``: a candidate whose parameter is negative never comes back.
    - Rows where all parameters are negative sum to less than 1.

    The same sample in free logits ``a = log w``, which have a gradient everywhere, is :class:`GumbelSoft`.

    Args:
        per_process: whether each of several processes draws a sample of its own, as the replicas of the published data-parallel code do.
            A step is then the mean over as many architectures. By default all processes have the same sample.

    Reference:
        OSNet-AIN (Zhou, Yang, Cavallaro, Xiang: Learning Generalisable Omni-Scale Representations for Person Re-Identification,
        TPAMI 2021), arXiv 1910.06827, public search code.
    """

    dense = True

    def __init__(self, per_process: bool = False) -> None:
        self.per_process = per_process

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        for _ in range(_rank() if self.per_process else 0):
            uniform_noise(logits, generator)  # those of the processes before this one
        return rectified_gumbel(logits, uniform_noise(logits, generator), temperature)

    def initial(self, allowed: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (interface)
        """Ones."""
        return torch.ones(allowed.shape)

    def probabilities(self, logits: Tensor) -> Tensor:
        """``max(w, 0) / sum``; equal for all candidates where none is positive."""
        kept = torch.where(exists(logits), torch.relu(logits) + EPSILON, 0.0)
        return kept / kept.sum(dim=-1, keepdim=True)


def _rank() -> int:
    started = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_rank() if started else 0


def rectified_gumbel(w: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Mixing weights ``(R, K)`` of parameters ``w`` and uniform noise in [0, 1), both ``(R, K)``; ``-inf`` for no candidate."""
    noise = -torch.log(-torch.log(uniform.clamp_max(LARGEST) + EPSILON))
    scores = torch.log(torch.relu(w) + EPSILON) + noise.to(device=w.device, dtype=w.dtype, non_blocking=True)
    bound = math.log(torch.finfo(w.dtype).max / w.shape[-1]) - 1.0  # sums stay finite; in float32 it binds at temperatures below 0.1
    powers = torch.where(exists(w), torch.exp((scores / temperature).clamp_max(bound)), 0.0)
    weights = powers / (powers.sum(dim=-1, keepdim=True) + EPSILON)
    return torch.where(exists(w), weights.clamp_min(torch.finfo(w.dtype).tiny), 0.0)  # 0 would skip a candidate, on this process alone
