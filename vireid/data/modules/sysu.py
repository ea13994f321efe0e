"""Data module of SYSU-MM01."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from vireid.data.datasets.evaluations import assemble, by_modality
from vireid.data.datasets.releases import Found, found_in_sysu
from vireid.data.datasets.sysu import MAX_TRIALS, SYSU, Gallery
from vireid.data.modules.base import ReIDDataModule
from vireid.data.split import split_ids
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Evaluation, Record


class SYSUDataModule(ReIDDataModule):
    """SYSU-MM01: infrared queries against visible galleries, all/indoor search, single/multi shot, ten trials.

    Args:
        root: folder with ``cam1`` .. ``cam6`` and ``exp``.
        gallery: how galleries are drawn. ``seeded`` draws them as in research code; ``official`` reads ``exp/rand_perm_cam.mat``.
            Results of the two are not comparable to the last digit.
        heldout: which identities are held out. ``official``: the 99 validation identities (seen by cameras 3, 4 and 5 only), so that the
            296 of the train list remain. ``seeded``: a seeded share of the training identities.
        train_ids: identities to train on if none are held out, or to draw the seeded share from: ``trainval`` (395, the usual set)
            or ``train`` (296).
        trials: number of galleries, 1..10; results are means over them.
        shared: arguments for network input, batches, split and reading of images, as in :class:`~vireid.data.ReIDDataModule`.

    Raises:
        DatasetNotFoundError: ``root`` lacks one of its folders.
        SettingsError: a number is out of range.
    """

    dataset_name = "sysu"

    def __init__(
        self,
        root: str | Path,
        gallery: Gallery = "seeded",
        heldout: Literal["official", "seeded"] = "official",
        train_ids: Literal["trainval", "train"] = "trainval",
        trials: int = MAX_TRIALS,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        if not 1 <= trials <= MAX_TRIALS:
            raise SettingsError(f"`trials` must be 1 to {MAX_TRIALS} for SYSU-MM01, got {trials}.")
        self.root = Path(root)
        self.gallery = gallery
        self.heldout = heldout
        self.train_ids = train_ids
        self.trials = trials
        self.record(root=str(self.root.absolute()))
        self._open()

    def _open(self) -> None:
        """Check that the folders of the layout exist."""
        _ = self.dataset

    @cached_property
    def dataset(self) -> SYSU:
        """The dataset on disk."""
        return SYSU(self.root)

    def _found(self) -> Found:
        return found_in_sysu(self.dataset)

    def _training_records(self) -> list[Record]:
        pids = set(self.dataset.training_ids(self.train_ids))
        if self.holds_out and self.heldout == "official":
            pids.update(self.dataset.training_ids("trainval"))
        return self.dataset.train_records(sorted(pids))

    def _heldout_ids(self, pids: list[int]) -> tuple[int, ...]:
        if self.heldout == "seeded":
            return split_ids(pids, self.heldout_fraction, self.seed)[1]
        heldout = self.dataset.ids("val")
        if not heldout:
            raise DatasetError(f"`exp/val_id.txt` under {str(self.dataset.root)!r} is empty: set `data.init_args.heldout` to seeded.")
        return heldout

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation(self.gallery, self.trials)

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        visible, infrared = by_modality(records)
        return assemble("sysu", {"sysu/heldout/infrared-to-visible": [(infrared, visible)]})

    def test_pids(self) -> list[int]:
        """Identities of ``exp/test_id.txt``. No gallery is drawn for this."""
        return list(self.dataset.ids("test"))

    def provenance(self) -> dict[str, Any]:
        """As :meth:`~vireid.data.ReIDDataModule.provenance`, and how the galleries were drawn."""
        return {**super().provenance(), "gallery": self.gallery}
