"""Data module of LLCM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.llcm import LLCM, MAX_TRIALS
from vireid.data.datasets.releases import Found, found_in
from vireid.data.modules.base import ReIDDataModule
from vireid.errors import SettingsError
from vireid.structures import Evaluation, Record


class LLCMDataModule(ReIDDataModule):
    """LLCM: visible to infrared and infrared to visible. Galleries have one image per identity and camera.

    Args:
        root: folder with ``vis``, ``nir``, ``test_vis``, ``test_nir`` and ``idx``.
        trials: number of galleries, 1..10; results are means over them.
        swapped: whether to also score ``llcm/visible-to-infrared/swapped``, the form of the published test script, in which infrared
            images search among visible images; see :meth:`vireid.data.LLCM.evaluation`.
        shared: arguments for network input, batches, split and reading of images, as in :class:`~vireid.data.ReIDDataModule`.

    Raises:
        DatasetNotFoundError: ``root`` lacks one of its folders.
        SettingsError: a number is out of range.
    """

    dataset_name = "llcm"

    def __init__(self, root: str | Path, trials: int = MAX_TRIALS, swapped: bool = False, **shared: Any) -> None:
        super().__init__(**shared)
        if not 1 <= trials <= MAX_TRIALS:
            raise SettingsError(f"`trials` must be 1 to {MAX_TRIALS} for LLCM, got {trials}.")
        self.trials, self.swapped = trials, swapped
        self.dataset = LLCM(root)
        self.record(root=str(self.dataset.root))

    def _found(self) -> Found:
        return found_in("llcm", self.dataset.root, self.dataset.splits())

    def _training_records(self) -> list[Record]:
        return self.dataset.train_records()

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation(self.trials, self.swapped)

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("llcm", both_directions("llcm/heldout", records))

    def test_pids(self) -> list[int]:
        """Identities of ``idx/test_id.txt``. No gallery is drawn for this."""
        return list(self.dataset.test_ids())
