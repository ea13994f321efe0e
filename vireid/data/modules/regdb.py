"""Data module of RegDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.regdb import RegDB
from vireid.data.datasets.releases import Found, found_in
from vireid.data.modules.base import ReIDDataModule
from vireid.structures import Evaluation, Record


class RegDBDataModule(ReIDDataModule):
    """RegDB: one of its ten trials, visible to infrared and infrared to visible.

    Trials share identities: an architecture that was searched on one trial has seen test identities of the others.

    Args:
        root: folder with ``Visible``, ``Thermal`` and ``idx``.
        trial: number of the trial, 1..10. Published results are means over all ten, each with its own model.
        shared: arguments for network input, batches, split and reading of images, as in :class:`~vireid.data.ReIDDataModule`.

    Raises:
        DatasetNotFoundError: ``root`` lacks one of its folders.
        SettingsError: a number is out of range.
    """

    dataset_name = "regdb"

    def __init__(self, root: str | Path, trial: int = 1, **shared: Any) -> None:
        super().__init__(**shared)
        self.trial = trial
        self.dataset = RegDB(root, trial)
        self.record(root=str(self.dataset.root))

    def _found(self) -> Found:
        return found_in("regdb", self.dataset.root, self.dataset.splits())

    def _training_records(self) -> list[Record]:
        return self.dataset.train_records()

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation()

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("regdb", both_directions("regdb/heldout", records, f"/trial-{self.trial}"))

    def provenance(self) -> dict[str, Any]:
        """As :meth:`~vireid.data.ReIDDataModule.provenance`, and the trial."""
        return {**super().provenance(), "trial": self.trial}
