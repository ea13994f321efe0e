"""Data module of ImageNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.data.augmentation.base import Augmentation
from vireid.data.augmentation.flip_shift import FlipShiftAugmentation
from vireid.data.datasets.imagenet import ImageNetSource
from vireid.data.modules.classification import ClassificationDataModule
from vireid.data.modules.loading import LONGEST_SIDE, at_least, at_most


class ImageNetDataModule(ClassificationDataModule):
    """ImageNet (ILSVRC 2012), 1,000 classes. Its validation images are the test, as in published results.

    A training image is a random part, 8 to 100 % of the area, resized to ``size``. For other images, the shorter side is resized to 8 / 7
    of ``size``, and the middle is cropped.

    Args:
        root: folder with ``train`` and ``val``, in which each class is a folder of images such as ``n01440764``.
        size: height and width of the network input, in pixels.
        augmentation: augmentation of training images after the crop; its mean and std normalise all images. Null is a horizontal flip.
        num_workers: number of processes that read images; 0 reads in the training process.
        shared: arguments for batches, split, validation, seed and loading, as in :class:`~vireid.data.ClassificationDataModule`.

    Raises:
        SettingsError: a number is out of range.
    """

    dataset_name = "imagenet"

    def __init__(
        self,
        root: str | Path,
        size: int = 224,
        augmentation: Augmentation | None = None,
        num_workers: int = 8,
        **shared: Any,
    ) -> None:
        augmentation = augmentation if augmentation is not None else FlipShiftAugmentation(padding=0)
        super().__init__(augmentation=augmentation, num_workers=num_workers, **shared)
        at_least(1, size=size)
        at_most(LONGEST_SIDE, size=size)
        self.root, self.size = Path(root).absolute(), size
        self.record(root=str(self.root))

    def _training_source(self) -> ImageNetSource:
        return self._source("train")

    def _test_source(self) -> ImageNetSource:
        return self._source("val")

    def _source(self, split: str) -> ImageNetSource:
        return ImageNetSource(self.root, split, self.size, round(self.size * 8 / 7))
