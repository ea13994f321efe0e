"""The interface of every layer that holds candidates in a supernet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Choice(nn.Module, ABC):
    """A layer that is a mixture of candidates during search and one of them afterwards.

    Args:
        candidates: ids, in the order of the weights.

    Attributes:
        candidates: as given.
        weights: ``(K,)`` mixture weights of the next batch, any device; uniform at first. See :meth:`set_mixture`.
        active: which weights are not 0.
        one_hot: whether one weight is 1 and all others are 0.
    """

    def __init__(self, candidates: Sequence[str]) -> None:
        super().__init__()
        self.candidates = tuple(candidates)
        even = [1.0 / len(self.candidates)] * len(self.candidates)
        self.set_mixture(torch.tensor(even), even)

    def set_mixture(self, weights: Tensor, values: Sequence[float] | None = None) -> None:
        """Weights of the next batches.

        Args:
            weights: ``(K,)``, may require gradients.
            values: the same as Python numbers, where the caller has them; otherwise they are read from the device.

        Raises:
            ValueError: another number of weights.
        """
        if tuple(weights.shape) != (len(self.candidates),):
            raise ValueError(f"Expected one weight for each of {', '.join(self.candidates)}, got shape {tuple(weights.shape)}.")
        values = weights.detach().tolist() if values is None else values
        self.weights = weights
        self.active = tuple(value != 0 for value in values)
        self.one_hot = sum(self.active) == 1 and 1.0 in values

    def set_dense_mixture(self, weights: Tensor) -> None:
        """Weights of the next batches, all of which count, whatever they are. They are not read, so that nothing waits for their device.

        Args:
            weights: ``(K,)``, may require gradients.
        """
        self.weights, self.active, self.one_hot = weights, (True,) * len(self.candidates), len(self.candidates) == 1

    @abstractmethod
    def candidate_parameters(self, k: int) -> list[nn.Parameter]:
        """Parameters of candidate number ``k`` alone."""

    @abstractmethod
    def resolve(self, candidate: str) -> nn.Module:
        """The plain layer of one candidate, with its own copy of parameters and statistics.

        Raises:
            SettingsError: there is no such candidate.
        """

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles carry the weights without their graph."""
        return {**self.__dict__, "weights": self.weights.detach()}

    def extra_repr(self) -> str:
        """Candidates in order."""
        return ", ".join(self.candidates)
