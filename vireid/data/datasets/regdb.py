"""RegDB: disk layout and its ten trials."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.index import read_index
from vireid.data.datasets.listing import require_folders
from vireid.data.datasets.people import Spellings
from vireid.data.datasets.texts import shown
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Evaluation, Modality, Record

TRIALS = 10
CAMERA = {Modality.VISIBLE: 1, Modality.INFRARED: 2}
WORD = {Modality.VISIBLE: "visible", Modality.INFRARED: "thermal"}
Split = Literal["train", "test"]


class RegDB:
    """RegDB as released: ``Visible/<id>/*.bmp``, ``Thermal/<id>/*.bmp`` and lists ``idx/<split>_<modality>_<trial>.txt``.

    A line of a list is a path relative to the root, a blank, and a label that is only valid inside the list. The identity is the
    number of the folder. Visible images have camera 1, and thermal images camera 2.

    Args:
        root: folder that holds ``Visible``, ``Thermal`` and ``idx``.
        trial: number of the trial, 1..10; each trial divides the identities into its own halves for training and test.

    Raises:
        SettingsError: ``trial`` is out of range.
        DatasetNotFoundError: one of the folders is absent.

    Example::

        records = RegDB("data/RegDB", trial=3).train_records()

    Reference:
        Nguyen et al.: Person Recognition System Based on a Combination of Body Images from Visible Light and Thermal Cameras.
        Sensors 2017.
    """

    FOLDERS = ("Visible", "Thermal", "idx")

    def __init__(self, root: str | Path, trial: int = 1) -> None:
        if not 1 <= trial <= TRIALS:
            raise SettingsError(f"`trial` must be 1 to {TRIALS} for RegDB, got {trial}.")
        require_folders(Path(root), self.FOLDERS)
        self.root = Path(root).absolute()
        self.trial = trial
        self._spellings = Spellings(f"the lists of {str(self.root)!r}")

    def records(self, split: Split) -> list[Record]:
        """Images of both lists of a split, visible first, in the order of the lists.

        Raises:
            DatasetNotFoundError: a list is absent.
            DatasetError: a list is empty, or a line is not a path and a label.
        """
        return [record for modality in Modality for record in self._list(split, modality)]

    def splits(self) -> dict[str, list[Record]]:
        """Images of ``train`` and ``test``."""
        return {"train": self.records("train"), "test": self.records("test")}

    def train_records(self) -> list[Record]:
        """All training images of the trial."""
        return self.records("train")

    def evaluation(self) -> Evaluation:
        """All test images of one modality against all of the other, in both directions. No gallery entry is removed."""
        return assemble("regdb", both_directions("regdb", self.records("test"), f"/trial-{self.trial}"))

    def _list(self, split: Split, modality: Modality) -> list[Record]:
        name = f"idx/{split}_{WORD[modality]}_{self.trial}.txt"
        form = "Visible/<id>/<file> <label>"
        records = []
        for path, _ in read_index(self.root, name, form, f"trial {self.trial} needs it."):
            parts = path.split("/")
            pid = self._spellings.number(parts[-2]) if len(parts) >= 2 else None
            if pid is None:
                raise DatasetError(f"`{name}` must name files like `{form}`, found {shown(path)}.")
            records.append(Record(f"{self.root}/{path}", pid, CAMERA[modality], modality))
        return records
