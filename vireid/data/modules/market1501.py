"""Data module of Market-1501."""

from __future__ import annotations

from pathlib import Path

from vireid.data.datasets.market import Market1501
from vireid.data.modules.single import SingleModalityDataModule


class Market1501DataModule(SingleModalityDataModule):
    """Market-1501: visible images, six cameras. Distractors stay in the gallery; junk images are dropped.

    Args:
        root: folder with ``bounding_box_train``, ``query`` and ``bounding_box_test``, or its parent folder, which holds
            ``Market-1501-v15.09.15``.
    """

    dataset_name = "market1501"

    def _open(self, root: str | Path) -> Market1501:
        return Market1501(root)
