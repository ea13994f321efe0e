"""Batches for both steps of an architecture search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch.utils.data import Sampler

from vireid.data.samplers.base import BatchRows, KeyedSampler
from vireid.errors import SettingsError


class SearchRows(NamedTuple):
    """Row numbers of the weight step and of the architecture step."""

    weights: BatchRows
    architecture: BatchRows


class SearchSampler(Sampler[Any]):
    """Batch sampler of a search: rows of the weight step and of the architecture step together, each from its own sampler.

    An epoch is as long as an epoch of ``weights``; ``architecture`` never ends.

    Args:
        weights: sampler of the weight step.
        architecture: sampler of the architecture step; it must have another purpose.

    Raises:
        SettingsError: both samplers have the same purpose.

    Example::

        sampler = SearchSampler(CrossModalitySampler(for_weights, 8, 4), CrossModalitySampler(for_architecture, 8, 4))
        loader = DataLoader(images, batch_sampler=sampler)
    """

    def __init__(self, weights: KeyedSampler, architecture: KeyedSampler) -> None:
        if weights.purpose == architecture.purpose:
            raise SettingsError(f"Both samplers have purpose {weights.purpose}; the two steps need different ones.")
        self.weights, self.architecture = weights, architecture

    @property
    def sampler(self) -> SearchSampler:
        """This sampler itself, see ``KeyedSampler.sampler``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """As ``KeyedSampler.set_epoch``."""
        self.weights.set_epoch(epoch)

    def start_at(self, batch: int) -> None:
        """As ``KeyedSampler.start_at``."""
        self.weights.start_at(batch)

    def hold(self) -> None:
        """As ``KeyedSampler.hold``."""
        self.weights.hold()

    def __len__(self) -> int:
        return len(self.weights)

    def __iter__(self) -> Iterator[SearchRows]:
        steps = self.weights.position.steps(len(self))
        return (SearchRows(self.weights.batch(epoch, iteration), self.architecture.batch(epoch, iteration)) for epoch, iteration in steps)
