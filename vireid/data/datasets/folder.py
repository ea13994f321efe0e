"""A user's own data: two folders of identities, or a table."""

from __future__ import annotations

import os
from pathlib import Path

from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.listing import Lister
from vireid.data.datasets.people import numbering
from vireid.data.datasets.table import MODALITIES, SPLITS, Row, read_table
from vireid.data.split import split_ids
from vireid.errors import DatasetError, DatasetNotFoundError, SettingsError
from vireid.structures import Evaluation, Record


class PairedFolder:
    """People seen by a visible and an infrared camera.

    The data is in one of two forms. Folders are ``visible/<pid>/<image>`` and ``infrared/<pid>/<image>``, directly under the root or
    under ``train/`` and ``test/`` of the root. A table is a CSV file with the columns ``path`` (relative to the file), ``pid``,
    ``modality`` (``visible`` or ``infrared``) and, optionally, ``camid`` and ``split`` (``train`` or ``test``). Without a division into
    train and test, a seeded share of the identities is kept for the test. Identities may have names: if not all are whole numbers of at
    most 18 digits, they are numbered in the order of their sorted names. ``Record.name`` keeps the name. Without ``camid``, visible images
    have camera 1 and infrared images camera 2.

    Args:
        root: folder, or CSV file.
        test_fraction: share of identities for the test, in (0, 1), if the data itself has no division.
        seed: seed of the choice of these identities.
        image_root: folder that the paths of a table are relative to, and that they may not leave; ``None``: the folder of the table.

    Raises:
        DatasetNotFoundError: ``root`` or the folder of a modality is absent.
        DatasetError: the folder of an identity is empty, the table is damaged, an identity is in both train and test, or two names are
            one number, such as ``1`` and ``01``.
        SettingsError: ``test_fraction`` is out of range, or ``image_root`` is given without a table.

    Example::

        people = PairedFolder("my_people", test_fraction=0.3)
        records = people.train_records()
    """

    def __init__(self, root: str | Path, test_fraction: float = 0.5, seed: int = 0, image_root: str | Path | None = None) -> None:
        if not 0 < test_fraction < 1:
            raise SettingsError(f"`test_fraction` must be between 0 and 1, got {test_fraction}.")
        self.root = Path(root).absolute()
        if self.root.is_dir():
            if image_root is not None:
                raise SettingsError(f"`image_root` is for a table, and `root={os.fspath(root)!r}` is a folder. Leave `image_root` out.")
            rows = self._scan()
        elif self.root.is_file():
            rows = read_table(self.root, Path(image_root or self.root.parent).absolute())
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

    def _scan(self) -> list[Row]:
        divided = [split for split in SPLITS if (self.root / split).is_dir()]
        if len(divided) == 1:
            raise DatasetNotFoundError(f"{str(self.root)!r} has a `{divided[0]}/` folder; expected both train/ and test/.")
        lister = Lister(self.root)
        rows: list[Row] = []
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
                    rows.extend(Row(f"{self.root}/{top}/{pid}/{file}", pid, None, modality, split) for file in files)
        lister.warn_strays()
        return rows

    def _split(self, rows: list[Row], test_fraction: float, seed: int) -> dict[str, list[Record]]:
        if not rows:
            raise DatasetError(f"{str(self.root)!r} names no image.")
        splits = {row.split for row in rows}
        if "" in splits and len(splits) > 1:
            raise DatasetError(f"{str(self.root)!r}: either every line has a `split`, or none has.")
        number = numbering((row.person for row in rows), repr(str(self.root)))
        parts: dict[str, list[Record]] = {split: [] for split in SPLITS}
        if "" in splits:
            kept, held = split_ids(number.values(), test_fraction, seed)
            of_id = {**dict.fromkeys(kept, "train"), **dict.fromkeys(held, "test")}
        for path, person, camid, modality, split in sorted(rows, key=lambda row: (row.modality, number[row.person], row.path)):
            pid = number[person]
            name = "" if person == str(pid) else person
            parts[split or of_id[pid]].append(Record(path, pid, modality + 1 if camid is None else camid, modality, name))
        both = {record.pid for record in parts["train"]} & {record.pid for record in parts["test"]}
        if both:
            names = ", ".join(sorted(name for name, pid in number.items() if pid in both)[:5])
            raise DatasetError(f"{len(both)} identities of {str(self.root)!r} are in both train and test, e.g. {names}.")
        return parts
