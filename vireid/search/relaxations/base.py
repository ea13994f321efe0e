"""From architecture parameters to mixture weights. A relaxation knows neither the space nor the optimiser."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.settings import Recorded


class Relaxation(Recorded, ABC):
    """Maps ``(R, K)`` logits to ``(R, K)`` non-negative mixture weights.

    A row is a choice (a site, or the sites of a tying group), a column a candidate. Candidates that a row does not have
    arrive as ``-inf``; their weight is exactly 0, and so is their gradient. Derive from it to bring your own, and implement
    :meth:`weights`.

    Attributes:
        learns: whether the weights have a gradient with respect to the logits.
        dense: whether every candidate takes part in every mixture. Then a network need not read the weights, which would wait for the
            device in every step. A candidate whose weight is rounded to 0 takes part, too.
    """

    learns: bool = True
    dense: bool = False

    def __call__(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """Weights for one step; rows sum to 1 unless a relaxation says otherwise.

        Args:
            logits: ``(R, K)`` float; ``-inf`` for a candidate that does not exist, at least one of a row does.
            temperature: positive; towards 0 the weights approach a choice unless a relaxation says otherwise.
            generator: source of the noise, on the CPU; a relaxation without noise does not touch it.

        Raises:
            SettingsError: a temperature that is not positive and finite.
        """
        if not (math.isfinite(temperature) and temperature > 0):
            raise SettingsError(f"A relaxation needs a positive, finite temperature, got {temperature}.")
        return self.weights(logits, temperature, generator)

    @abstractmethod
    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """What ``__call__`` returns, for a temperature that was checked."""

    def initial(self, allowed: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (some draw)
        """``(R, K)`` float values that the logits start from; by default zeros, no preference.

        Args:
            allowed: ``(R, K)`` bool, which candidates exist.
            generator: for random starts, on the CPU.
        """
        return torch.zeros(allowed.shape)

    def probabilities(self, logits: Tensor) -> Tensor:
        """``(R, K)`` preference among the candidates without noise or temperature; rows sum to 1. By default the softmax."""
        return torch.softmax(logits, dim=-1)


class Softmax(Relaxation):
    """``softmax(a / t)``, without noise.

    Reference:
        DARTS (Liu et al., ICLR 2019), arXiv 1806.09055.
    """

    dense = True

    def weights(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (interface)
        return torch.softmax(logits / temperature, dim=-1)


def exists(logits: Tensor) -> Tensor:
    """``(R, K)`` bool: which candidates a row has."""
    return logits != -math.inf


def one_hot_argmax(values: Tensor) -> Tensor:
    """``(R, K)`` with a 1 at the largest value of each row (the first of equal ones)."""
    return torch.zeros_like(values).scatter_(-1, values.argmax(dim=-1, keepdim=True), 1.0)


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of ``hard``, exactly, with the gradient of ``soft``."""
    return hard + (soft - soft.detach()) if soft.requires_grad else hard


def uniform_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Float64 on the CPU in the shape of ``like``, above 0 and below 1: every device sees the same noise."""
    drawn = torch.rand(like.shape, generator=generator, dtype=torch.float64)
    return drawn.clamp_min(torch.finfo(torch.float64).tiny)
