"""Images that belong to classes, in the batches that tasks take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from vireid.data.samplers.base import BatchRows
from vireid.structures import Batch, Modality


class ImageSource(ABC):
    """All images of one split.

    Attributes:
        labels: ``(N,)`` int64 class of each image.
        classes: name of each class.
    """

    labels: Tensor
    classes: Sequence[str]

    @abstractmethod
    def pixels(self, rows: Sequence[int], key: tuple[int, ...]) -> Tensor:
        """``(B, 3, H, W)`` uint8 images.

        Args:
            rows: row numbers of the images.
            key: key of a training batch, which determines random crops; empty for evaluation.
        """


class ClassImages(Dataset[Batch]):
    """Some images of a source, read one whole batch at a time. In a batch, every image counts as visible.

    Args:
        source: all images.
        rows: row numbers of the images in this set.

    Example::

        images = ClassImages(source, range(256))  # of CIFAR100 or ImageNet
        batch = images[[0, 1, 2]]
    """

    def __init__(self, source: ImageSource, rows: Sequence[int]) -> None:
        self.source, self._rows = source, torch.tensor(rows, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        return self.__getitems__(rows)

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        positions = self._rows[torch.tensor(rows, dtype=torch.int64)]
        key = rows.key if isinstance(rows, BatchRows) else ()
        labels = self.source.labels[positions]
        images = self.source.pixels(positions.tolist(), key)
        modalities = torch.full_like(labels, Modality.VISIBLE)
        return Batch(images, labels, labels, torch.zeros_like(labels), modalities, positions, len(rows), key)


class ClassEvaluation(Dataset[Batch]):
    """Batches over all images of a set in their order, distributed over ranks without padding or duplicates.

    Args:
        images: set of images.
        batch_size: number of images in a batch; the last batch may be smaller.
        rank, world_size: rank of this process, and number of processes.
    """

    def __init__(self, images: ClassImages, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.images = images
        starts = range(0, len(images), batch_size)
        self._spans = [range(start, min(start + batch_size, len(images))) for start in starts][rank::world_size]

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int) -> Batch:
        return self.images[self._spans[index]]
