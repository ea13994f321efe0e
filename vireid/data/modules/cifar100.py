"""Data module of CIFAR-100."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.data.augmentation.base import Augmentation
from vireid.data.augmentation.cutout import CutoutAugmentation
from vireid.data.datasets.cifar import CIFAR100Source
from vireid.data.modules.classification import ClassificationDataModule
from vireid.errors import DatasetError


class CIFAR100DataModule(ClassificationDataModule):
    """CIFAR-100, its 100 fine classes: 50,000 training and 10,000 test images of 32 x 32.

    Args:
        root: folder that holds ``cifar-100-python`` with ``meta``, ``train`` and ``test``. Files that differ from the release are
            read with a warning if they hold only plain data.
        download: whether to fetch the release into ``root`` if it is absent.
        augmentation: augmentation of training images; its mean and std normalise all images. Null is ``vireid.data.CutoutAugmentation``.
        batch_size: number of images in a batch of each process; the last, incomplete batch of an epoch is dropped.
        eval_batch_size: number of images in an evaluation batch.
        shared: arguments for split, validation, seed and loading, as in :class:`~vireid.data.ClassificationDataModule`.

    Raises:
        SettingsError: a number is out of range.
    """

    dataset_name = "cifar100"
    acting = ("download",)

    def __init__(
        self,
        root: str | Path,
        download: bool = False,
        augmentation: Augmentation | None = None,
        batch_size: int = 256,
        eval_batch_size: int = 256,
        **shared: Any,
    ) -> None:
        augmentation = augmentation if augmentation is not None else CutoutAugmentation()
        super().__init__(augmentation=augmentation, batch_size=batch_size, eval_batch_size=eval_batch_size, **shared)
        self.root, self.download = Path(root).absolute(), download
        self.record(root=str(self.root), download=False)

    def prepare_data(self) -> None:
        """Fetch the release, in one process, if ``download`` is set.

        Raises:
            DatasetError: a file asks for it, and not the user.
        """
        if self.download and self.only_reads:
            raise DatasetError("The checkpoint asks to download CIFAR-100. Say so yourself: --data.download true, or false to read `root`.")
        if self.download:
            CIFAR100Source(self.root, True, True)

    def _training_source(self) -> CIFAR100Source:
        return CIFAR100Source(self.root, True, self.download and not self.only_reads)

    def _test_source(self) -> CIFAR100Source:
        return CIFAR100Source(self.root, False)
