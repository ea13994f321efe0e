"""Data module of CIFAR-100."""

from __future__ import annotations

from pathlib import Path

from vireid.data.augmentation.base import Augmentation
from vireid.data.augmentation.cutout import CutoutAugmentation
from vireid.data.datasets.cifar import CIFAR100Source
from vireid.data.modules.classification import ClassificationDataModule
from vireid.data.modules.division import SearchSplit, Validation


class CIFAR100DataModule(ClassificationDataModule):
    """CIFAR-100, its 100 fine classes: 50,000 training and 10,000 test images of 32 x 32.

    Args:
        root: folder that holds ``cifar-100-python`` with ``meta``, ``train`` and ``test``. Files that are not those of the release are
            read with a warning, if they hold nothing but data.
        download: fetch the release into ``root`` if it is not there.
        batch_size: images in a batch (of each process); the last, incomplete batch of an epoch is dropped.
        augmentation: of training images; its mean and std normalise all images. Null is ``vireid.data.CutoutAugmentation``.
        search_split: ``none`` (plain training), or ``image``: a random half of the training images is for the architecture step.
        heldout_fraction: share of the training images that ``validation: heldout`` keeps away from training, in (0, 1).
        validation: ``none``; ``heldout``; ``faithful_test_set`` (the test, as published scripts select on: not a fair selection).
        seed: of order, augmentation and held-out images.
        num_workers: processes that read images.
        eval_batch_size: images in an evaluation batch.

    Raises:
        SettingsError: a number out of range.
    """

    dataset_name = "cifar100"

    def __init__(
        self,
        root: str | Path,
        download: bool = False,
        batch_size: int = 256,
        augmentation: Augmentation | None = None,
        search_split: SearchSplit = "none",
        heldout_fraction: float = 0.1,
        validation: Validation = "none",
        seed: int = 0,
        num_workers: int = 4,
        eval_batch_size: int = 256,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            augmentation=augmentation if augmentation is not None else CutoutAugmentation(),
            search_split=search_split,
            heldout_fraction=heldout_fraction,
            validation=validation,
            seed=seed,
            num_workers=num_workers,
            eval_batch_size=eval_batch_size,
        )
        self.root, self.download = Path(root).absolute(), download
        self.record(root=str(self.root), download=False)

    def prepare_data(self) -> None:
        """Fetch the release, on one process, if that was asked for."""
        if self.download:
            CIFAR100Source(self.root, True, True)

    def _training_source(self) -> CIFAR100Source:
        return CIFAR100Source(self.root, True, self.download)

    def _test_source(self) -> CIFAR100Source:
        return CIFAR100Source(self.root, False)
