"""Data module of MSMT17."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from vireid.data.datasets.msmt17 import MSMT17, TrainOn
from vireid.data.modules.single import EVERYTHING, SingleModalityDataModule
from vireid.structures import Record


class MSMT17DataModule(SingleModalityDataModule):
    """MSMT17, version 1 or 2: visible images, fifteen cameras. Test identities count from 10000, see :class:`vireid.data.MSMT17`.

    Args:
        root: folder with the four lists, or its parent folder, which holds ``MSMT17_V1`` or ``MSMT17_V2``.
        train_on: training images. ``train``: ``list_train.txt`` alone; ``trainval``: both it and ``list_val.txt``. Published results
            exist for both. ``all``: also the lists of query and gallery ("combineall" in published code), for a test on another
            dataset. MSMT17 itself then has no test.
        shared: arguments for network input, batches (also ``images_per_batch``), split and reading of images,
            as in ``SingleModalityDataModule``.

    Raises:
        DatasetNotFoundError: ``root`` lacks one of its folders.
        SettingsError: a number is out of range.
    """

    dataset_name = "msmt17"

    def __init__(self, root: str | Path, train_on: Literal["train", "trainval", "all"] = "train", **shared: Any) -> None:
        self._lists: TrainOn = "train" if train_on == "train" else "trainval"
        super().__init__(root=root, train_on="all" if train_on == EVERYTHING else "train", **shared)
        self.train_on = train_on

    def _open(self, root: str | Path) -> MSMT17:
        return MSMT17(root, self._lists)

    def _splits(self) -> Mapping[str, Sequence[Record]]:
        splits = dict(super()._splits())
        if self._lists == "train":
            del splits["train"]  # the published total is that of both lists
        return splits
