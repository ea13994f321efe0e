"""Batches as pure functions of (seed, rank, epoch, iteration, purpose), so that an epoch can begin at any of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch.distributed
from torch.utils.data import Sampler

from vireid.errors import SettingsError

TRAIN, ARCHITECTURE = 0, 1  # purposes: the last part of a batch key


class BatchRows(list[int]):
    """Row numbers of one batch, visible rows first.

    Attributes:
        n_visible: number of visible rows.
        key: (seed, rank, epoch, iteration, purpose).
        images_per_identity: K.
    """

    def __init__(self, rows: Sequence[int] = (), n_visible: int = 0, key: tuple[int, ...] = (), images_per_identity: int = 1) -> None:
        super().__init__(rows)
        self.n_visible = n_visible
        self.key = key
        self.images_per_identity = images_per_identity


@dataclass
class Position:
    """Where the next iteration begins.

    Attributes:
        epoch: its epoch.
        start: its first batch.
    """

    epoch: int = 0
    start: int = 0

    def steps(self, length: int) -> Iterator[tuple[int, int]]:
        """(epoch, iteration) of each batch.

        The epoch is the one at the call. The start is taken, once, when the first batch is asked for: a loader with workers makes
        two iterators and uses the second.
        """
        return self._from_start(self.epoch, length)

    def _from_start(self, epoch: int, length: int) -> Iterator[tuple[int, int]]:
        start, self.start = self.start, 0
        yield from ((epoch, iteration) for iteration in range(start, length))


def rank_and_world_size() -> tuple[int, int]:
    """Of this process, from ``torch.distributed``; 0 and 1 when that is not running."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class KeyedSampler(Sampler[list[int]], ABC):
    """Batch sampler whose batches are drawn one by one, each from its own key.

    Args:
        seed: first part of every key.
        purpose: last part of every key; samplers with different purposes draw differently.
        rank, world_size: of this process; ``None`` asks ``torch.distributed``, or means 0 of 1 if that is not running.

    Raises:
        SettingsError: a rank that is none.
    """

    def __init__(self, seed: int, purpose: int, rank: int | None, world_size: int | None) -> None:
        own_rank, processes = rank_and_world_size()
        self.rank = own_rank if rank is None else rank
        self.world_size = processes if world_size is None else world_size
        if not 0 <= self.rank < self.world_size:
            raise SettingsError(f"`rank` must be 0 to {self.world_size - 1}, got {self.rank}.")
        self.seed, self.purpose = seed, purpose
        self.position = Position()

    @abstractmethod
    def __len__(self) -> int:
        """Batches of an epoch."""

    @abstractmethod
    def batch(self, epoch: int, iteration: int) -> BatchRows:
        """Rows of one batch; iterations do not end with the epoch."""

    @property
    def sampler(self) -> KeyedSampler:
        """Itself: where Lightning looks for :meth:`set_epoch` of a batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of iterations that begin from now on; one that runs is not disturbed."""
        self.position.epoch = epoch

    def start_at(self, batch: int) -> None:
        """Let the next iteration begin at ``batch``; later ones begin at 0 again. The length stays that of a whole epoch."""
        if not 0 <= batch <= len(self):
            raise SettingsError(f"`batch` must be 0 to {len(self)}, got {batch}.")
        self.position.start = batch

    def __iter__(self) -> Iterator[BatchRows]:
        return (self.batch(epoch, iteration) for epoch, iteration in self.position.steps(len(self)))
