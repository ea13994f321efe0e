"""Relaxation by Dirichlet samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from vireid.search.relaxations.base import Relaxation, exists, uniform_noise

SMALLEST = 1e-6  # of a concentration


class DirichletSample(Relaxation):
    """A sample of ``Dirichlet(t * (ELU(a) + 1))``, with gradient; its mean is ``(ELU(a) + 1) / sum``.

    Towards temperature 0 samples approach a choice, taken with the probabilities of the mean; towards infinity they approach the
    mean. The published method has no temperature: set both temperatures to 1.

    Noise is drawn on the CPU in float64. The gradient is exact for any concentration: a gamma variable of shape ``c`` is one of shape
    ``c + 1`` times ``u^(1/c)``, taken in logarithms, so that samples at the border of the simplex neither underflow nor give NaN.

    Reference:
        DrNAS (Chen, Wang, Cheng, Tang, Hsieh: DrNAS: Dirichlet Neural Architecture Search, ICLR 2021), arXiv 2006.10355.
    """

    dense = True

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        here = exists(logits)
        finite = torch.where(here, logits, 0.0).to("cpu", torch.float64)
        shape = (temperature * (functional.elu(finite) + 1)).clamp_min(SMALLEST)
        uniform = uniform_noise(logits, generator)
        gamma = torch._standard_gamma(shape + 1, generator=generator)
        logarithms = torch.log(gamma) + torch.log(uniform) / shape
        sample = torch.softmax(logarithms.masked_fill(~here.cpu(), -math.inf), dim=-1)
        return sample.to(device=logits.device, dtype=logits.dtype)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The mean of the samples."""
        here = exists(logits)
        concentration = (functional.elu(torch.where(here, logits, 0.0)) + 1).clamp_min(SMALLEST)
        kept = torch.where(here, concentration, 0.0)
        return kept / kept.sum(dim=-1, keepdim=True)
