"""A user's own data: two folders of identities, or a table."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.listing import Lister
from vireid.data.split import split_ids
from vireid.errors import DatasetError, DatasetNotFoundError, SettingsError
from vireid.structures import Evaluation, Modality, Record

MODALITIES = {"visible": Modality.VISIBLE, "infrared": Modality.INFRARED}
SPLITS = ("train", "test")
COLUMNS = ("path", "pid", "modality")
Rows = list[tuple[str, str, int | None, Modality, str]]  # path, identity as written, camera, modality, split


class PairedFolder:
    """People seen by a visible and an infrared camera.

    The data is in one of two forms. Folders are ``visible/<pid>/<image>`` and ``infrared/<pid>/<image>``, directly under the root or
    under ``train/`` and ``test/`` of the root. A table is a CSV file with the columns ``path`` (relative to the file), ``pid``,
    ``modality`` (``visible`` or ``infrared``) and, optionally, ``camid`` and ``split`` (``train`` or ``test``). Without a division into
    train and test, a seeded share of the identities is kept for the test. Identities may have names: if not all are whole numbers,
    they are numbered in the order of their sorted names. Without ``camid``, visible images have camera 1 and infrared images camera 2.

    Args:
        root: folder, or CSV file.
        test_fraction: share of identities for the test, in (0, 1), if the data itself has no division.
        seed: seed of the choice of these identities.

    Raises:
        DatasetNotFoundError: ``root`` or the folder of a modality is absent.
        DatasetError: the folder of an identity is empty, the table is damaged, or an identity is in both train and test.
    """

    def __init__(self, root: str | Path, test_fraction: float = 0.5, seed: int = 0) -> None:
        if not 0 < test_fraction < 1:
            raise SettingsError(f"`test_fraction` must be between 0 and 1, got {test_fraction}.")
        self.root = Path(root).absolute()
        if self.root.is_dir():
            rows = self._scan()
        elif self.root.is_file():
            rows = self._table()
        else:
            raise DatasetNotFoundError(
                f"There is no folder or CSV file `root={os.fspath(root)!r}`; expected visible/ and infrared/. Set `data.init_args.root`."
            )
        self._records = self._split(rows, test_fraction, seed)

    def train_records(self) -> list[Record]:
        """Images of the training identities, visible first."""
        return self._records["train"]

    def test_records(self) -> list[Record]:
        """Images of the test identities, visible first."""
        return self._records["test"]

    def evaluation(self) -> Evaluation:
        """All test images of one modality against all of the other, in both directions. No gallery entry is removed."""
        return assemble("regdb", both_directions("folder", self.test_records()))

    def _scan(self) -> Rows:
        divided = [split for split in SPLITS if (self.root / split).is_dir()]
        if len(divided) == 1:
            raise DatasetNotFoundError(f"{str(self.root)!r} has a `{divided[0]}/` folder; expected both train/ and test/.")
        lister = Lister(self.root)
        rows: Rows = []
        for split in divided or [""]:
            for name, modality in MODALITIES.items():
                top = f"{split}/{name}" if split else name
                if not (self.root / top).is_dir():
                    raise DatasetNotFoundError(
                        f"No `{top}/` folder under `root={str(self.root)!r}`; expected visible/ and infrared/"
                        f"{' in both train/ and test/' if split else ''}. Set `data.init_args.root`."
                    )
                for pid in lister.folders(top):
                    files = lister.images(f"{top}/{pid}")
                    if not files:
                        raise DatasetError(f"Folder `{top}/{pid}` under {str(self.root)!r} holds no image: remove it or add images.")
                    rows.extend((f"{self.root}/{top}/{pid}/{file}", pid, None, modality, split) for file in files)
        lister.warn_strays()
        return rows

    def _table(self) -> Rows:
        folder = self.root.parent
        rows: Rows = []
        with self.root.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise DatasetError(f"{str(self.root)!r} lacks the column {missing[0]!r}; expected path, pid, camid, modality, split.")
            for number, line in enumerate(reader, start=2):
                cells = {
                    name: (value or "").strip() for name, value in line.items() if isinstance(name, str) and not isinstance(value, list)
                }
                rows.append(self._row(number, cells, folder))
        return rows

    def _row(self, number: int, cells: dict[str, str], folder: Path) -> tuple[str, str, int | None, Modality, str]:
        where = f"Line {number} of {str(self.root)!r}"
        camid, split = cells.get("camid", ""), cells.get("split", "")
        if not cells["path"] or not cells["pid"]:
            raise DatasetError(f"{where} needs a path and a pid.")
        if cells["modality"] not in MODALITIES:
            raise DatasetError(f"{where}: `modality` must be visible or infrared, got {cells['modality']!r}.")
        if split not in (*SPLITS, ""):
            raise DatasetError(f"{where}: `split` must be train or test, got {split!r}.")
        if camid and not camid.isdigit():
            raise DatasetError(f"{where}: `camid` must be a whole number, got {camid!r}.")
        return str(folder / cells["path"]), cells["pid"], int(camid) if camid else None, MODALITIES[cells["modality"]], split

    def _split(self, rows: Rows, test_fraction: float, seed: int) -> dict[str, list[Record]]:
        if not rows:
            raise DatasetError(f"{str(self.root)!r} names no image.")
        splits = {row[4] for row in rows}
        if "" in splits and len(splits) > 1:
            raise DatasetError(f"{str(self.root)!r}: either every line has a `split`, or none has.")
        number = _numbering(row[1] for row in rows)
        parts: dict[str, list[Record]] = {split: [] for split in SPLITS}
        if "" in splits:
            kept, held = split_ids(number.values(), test_fraction, seed)
            of_id = {**dict.fromkeys(kept, "train"), **dict.fromkeys(held, "test")}
        for path, pid, camid, modality, split in sorted(rows, key=lambda row: (row[3], number[row[1]], row[0])):
            record = Record(path, number[pid], camid or modality + 1, modality)
            parts[split or of_id[record.pid]].append(record)
        both = {record.pid for record in parts["train"]} & {record.pid for record in parts["test"]}
        if both:
            names = ", ".join(sorted(name for name, pid in number.items() if pid in both)[:5])
            raise DatasetError(f"{len(both)} identities of {str(self.root)!r} are in both train and test, e.g. {names}.")
        return parts


def _numbering(names: Iterable[str]) -> dict[str, int]:
    """Identity number of each name: the number itself if all names are whole numbers, otherwise 1.. in the order of the names."""
    unique = sorted(set(names))
    if all(name.isdigit() for name in unique):
        return {name: int(name) for name in unique}
    return {name: index for index, name in enumerate(unique, start=1)}
