"""Data module of DukeMTMC-reID."""

from __future__ import annotations

from pathlib import Path

from vireid.data.datasets.market import DukeMTMC
from vireid.data.modules.single import SingleModalityDataModule


class DukeMTMCDataModule(SingleModalityDataModule):
    """DukeMTMC-reID: visible images, eight cameras, distractor identities in the gallery.

    Args:
        root: folder with ``bounding_box_train``, ``query`` and ``bounding_box_test``, or its parent folder, which holds ``DukeMTMC-reID``.
    """

    dataset_name = "dukemtmc"

    def _open(self, root: str | Path) -> DukeMTMC:
        return DukeMTMC(root)
