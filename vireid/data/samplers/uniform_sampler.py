"""Batches of images drawn uniformly, whatever their identities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vireid.data.samplers.base import TRAIN, BatchRows, KeyedSampler
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Modality, Record, stack_keys


class UniformSampler(KeyedSampler):
    """Batch sampler: a random order of all images per epoch, cut into batches. The last, incomplete batch is dropped.

    It does the same as PyTorch's ``DataLoader(shuffle=True, drop_last=True)``, but as a function of the key. All ranks cut the same
    order. Together they hold the batch that one process with ``images_per_batch x world_size`` images would draw. After the end of an
    epoch, another order of all images follows.

    Args:
        records: visible images that row numbers refer to.
        images_per_batch: B, the number of images per rank.
        seed, purpose, rank, world_size: see ``KeyedSampler``.

    Raises:
        SettingsError: B is below 1, or there are fewer than B x world_size images.
        DatasetError: some images are infrared. A uniform draw would hold another number of each modality every time.

    Example:
        >>> sampler = UniformSampler([Record("", pid, 1, Modality.VISIBLE) for pid in range(10)], images_per_batch=3)
        >>> len(sampler), sorted({row for rows in sampler for row in rows})[0] >= 0
        (3, True)
    """

    def __init__(
        self,
        records: Sequence[Record],
        images_per_batch: int,
        seed: int = 0,
        purpose: int = TRAIN,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        super().__init__(seed, purpose, rank, world_size)
        if any(record.modality != Modality.VISIBLE for record in records):
            raise DatasetError("Images of two modalities cannot be drawn uniformly. Set `images_per_batch: null` for P x K of each.")
        together = images_per_batch * self.world_size
        if not 1 <= together <= len(records):
            raise SettingsError(
                f"`images_per_batch` must be 1 to {len(records) // self.world_size} (images of each process), got {images_per_batch}."
            )
        self.images_per_batch, self._images = images_per_batch, len(records)
        self._length = len(records) // together

    def __len__(self) -> int:
        return self._length

    def batch(self, epoch: int, iteration: int) -> BatchRows:
        """Rows of one batch, all of them visible."""
        turn, place = divmod(iteration, self._length)
        start = (place * self.world_size + self.rank) * self.images_per_batch
        rows = _order(stack_keys(self.seed, epoch, turn, self.purpose), self._images)[start : start + self.images_per_batch]
        return BatchRows(rows.tolist(), len(rows), stack_keys(self.seed, self.rank, epoch, iteration, self.purpose))


@lru_cache(maxsize=4)
def _order(key: tuple[int, ...], images: int) -> NDArray[np.int64]:
    return np.random.RandomState(np.array(key, np.uint32)).permutation(images)
