"""Data module of a user's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.folder import PairedFolder
from vireid.data.modules.base import ReIDDataModule
from vireid.structures import Evaluation, Record


class PairedFolderDataModule(ReIDDataModule):
    """People seen by a visible and an infrared camera: folders of identities, or a table.

    Folders are ``visible/<pid>/`` and ``infrared/<pid>/``, directly under ``root`` or under its ``train/`` and ``test/``. A table is a
    CSV file with the columns path (relative to the file), pid, modality (visible or infrared) and, optionally, camid and split
    (train or test). The test ranks all images of one modality against all of the other, in both directions.

    Args:
        root: path of the folder or of the CSV file.
        test_fraction: share of identities for the test, in (0, 1), if the data has no train and test of its own.
        test_seed: seed of the choice of these identities. It is separate from ``seed``, so that runs with different seeds are tested on
            the same people.
        image_root: folder that the paths of a table are relative to, and that they may not leave; null is the folder of the table.
        shared: arguments for network input, batches, split and reading of images, as in :class:`~vireid.data.ReIDDataModule`.

    Raises:
        DatasetNotFoundError: ``root`` or one of its folders is absent.
        DatasetError: the folder of an identity has no images, or the table is damaged.
        SettingsError: a number is out of range, or ``image_root`` is given without a table.
    """

    dataset_name = "folder"

    def __init__(
        self, root: str | Path, test_fraction: float = 0.5, test_seed: int = 0, image_root: str | Path | None = None, **shared: Any
    ) -> None:
        super().__init__(**shared)
        self.dataset = PairedFolder(root, test_fraction, test_seed, image_root)
        self.record(root=str(self.dataset.root), image_root=None if image_root is None else str(Path(image_root).absolute()))

    def origin(self) -> dict[str, Any]:
        """The name of the data, and the folder or the table: others number other people."""
        return {**super().origin(), "root": str(self.dataset.root.resolve())}

    def _training_records(self) -> list[Record]:
        return self.dataset.train_records()

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation()

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("regdb", both_directions("folder/heldout", records))
