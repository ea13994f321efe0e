"""Batches as pure functions of (seed, rank, epoch, iteration, purpose), so that an epoch can begin at any batch."""

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
        images_per_identity: K, the number of images per identity and modality.

    Example:
        >>> rows = BatchRows([4, 0, 7], n_visible=2)
        >>> list(rows), rows.n_visible
        ([4, 0, 7], 2)
    """

    def __init__(self, rows: Sequence[int] = (), n_visible: int = 0, key: tuple[int, ...] = (), images_per_identity: int = 1) -> None:
        super().__init__(rows)
        self.n_visible = n_visible
        self.key = key
        self.images_per_identity = images_per_identity


@dataclass
class Position:
    """Point where the next iteration begins.

    Attributes:
        epoch: epoch of the iteration.
        start: first batch of the iteration.
        held: whether every epoch is epoch 0, in which the same images come again.
    """

    epoch: int = 0
    start: int = 0
    held: bool = False

    def steps(self, length: int) -> Iterator[tuple[int, int]]:
        """Epoch and iteration of each batch.

        The epoch is the epoch at the time of the call. The start is read once, when the first batch is asked for, because a loader with
        workers makes two iterators and uses the second.
        """
        return self._from_start(0 if self.held else self.epoch, length)

    def _from_start(self, epoch: int, length: int) -> Iterator[tuple[int, int]]:
        start, self.start = self.start, 0
        yield from ((epoch, iteration) for iteration in range(start, length))


def rank_and_world_size() -> tuple[int, int]:
    """Rank of this process and number of processes, from ``torch.distributed``; 0 and 1 if that is not running."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class KeyedSampler(Sampler[list[int]], ABC):
    """Base class of batch samplers that draw every batch from its own key.

    Args:
        seed: first part of every key.
        purpose: last part of every key; samplers with different purposes draw differently.
        rank, world_size: rank of this process and number of processes; ``None`` asks ``torch.distributed``, or means 0 and 1 if that is not
            running.

    Raises:
        SettingsError: ``rank`` is out of range.
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
        """Number of batches of an epoch."""

    @abstractmethod
    def batch(self, epoch: int, iteration: int) -> BatchRows:
        """Rows of one batch. ``iteration`` may exceed the length of an epoch."""

    @property
    def sampler(self) -> KeyedSampler:
        """This sampler itself: Lightning looks here for :meth:`set_epoch` of a batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of iterations that begin after this call. A running iteration is not changed."""
        self.position.epoch = epoch

    def start_at(self, batch: int) -> None:
        """Let the next iteration begin at ``batch``; later iterations begin at 0 again. The length stays the length of a whole epoch."""
        if not 0 <= batch <= len(self):
            raise SettingsError(f"`batch` must be 0 to {len(self)}, got {batch}.")
        self.position.start = batch

    def hold(self) -> None:
        """Let every epoch be epoch 0."""
        self.position.held = True

    def __iter__(self) -> Iterator[BatchRows]:
        return (self.batch(epoch, iteration) for epoch, iteration in self.position.steps(len(self)))
