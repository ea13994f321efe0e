"""Data module of ImageNet."""

from __future__ import annotations

from pathlib import Path

from vireid.data.augmentation.base import Augmentation, FlipShiftAugmentation
from vireid.data.datasets.imagenet import ImageNetSource
from vireid.data.modules.classification import ClassificationDataModule
from vireid.data.modules.division import SearchSplit, Validation
from vireid.errors import SettingsError


class ImageNetDataModule(ClassificationDataModule):
    """ImageNet (ILSVRC 2012), 1,000 classes; its validation images are the test here, as published results have it.

    Training images are random parts, 8 to 100 % of the area, resized to ``size``; others are resized by their shorter side, to 8 / 7 of
    ``size``, and cropped in the middle.

    Args:
        root: folder with ``train`` and ``val``, in which each class is a folder of images such as ``n01440764``.
        size: of network input, height and width, in pixels.
        batch_size: images in a batch (of each process); the last, incomplete batch of an epoch is dropped.
        augmentation: what happens to training images after the crop; its mean and std normalise all images. Null is a horizontal flip.
        search_split: ``none`` (plain training), or ``image``: a random half of the training images is for the architecture step.
        heldout_fraction: share of the training images that ``validation: heldout`` keeps away from training, in (0, 1).
        validation: ``none``; ``heldout`` (cropped in the middle); ``faithful_test_set`` (the test, as published scripts select on).
        seed: of order, crops, augmentation and held-out images.
        num_workers: processes that read images.
        eval_batch_size: images in an evaluation batch.

    Raises:
        SettingsError: a number out of range.
    """

    dataset_name = "imagenet"

    def __init__(
        self,
        root: str | Path,
        size: int = 224,
        batch_size: int = 128,
        augmentation: Augmentation | None = None,
        search_split: SearchSplit = "none",
        heldout_fraction: float = 0.1,
        validation: Validation = "none",
        seed: int = 0,
        num_workers: int = 8,
        eval_batch_size: int = 128,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            augmentation=augmentation if augmentation is not None else FlipShiftAugmentation(padding=0),
            search_split=search_split,
            heldout_fraction=heldout_fraction,
            validation=validation,
            seed=seed,
            num_workers=num_workers,
            eval_batch_size=eval_batch_size,
        )
        if size < 1:
            raise SettingsError(f"`size` must be at least 1, got {size}.")
        self.root, self.size = Path(root).absolute(), size
        self.record(root=str(self.root))

    def _training_source(self) -> ImageNetSource:
        return self._source("train")

    def _test_source(self) -> ImageNetSource:
        return self._source("val")

    def _source(self, split: str) -> ImageNetSource:
        return ImageNetSource(self.root, split, self.size, round(self.size * 8 / 7))
