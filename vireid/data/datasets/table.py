"""Table of a user's own people."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

from vireid.data.datasets.texts import inside, read_text, shown, whole_number
from vireid.errors import DatasetError
from vireid.structures import Modality

MODALITIES = {"visible": Modality.VISIBLE, "infrared": Modality.INFRARED}
SPLITS = ("train", "test")
COLUMNS = ("path", "pid", "modality")
SEPARATORS = ",;\t"
LONGEST_NAME = 255  # characters, as of a folder


class Row(NamedTuple):
    """One image.

    Attributes:
        path: file, absolute.
        person: name of the person as written.
        camid: camera; ``None`` if it is not known.
        modality: sensor.
        split: ``train`` or ``test``; empty if there is no division.
    """

    path: str
    person: str
    camid: int | None
    modality: Modality
    split: str


def read_table(file: Path, folder: Path) -> list[Row]:
    """Rows of a CSV file, whose fields are separated by commas, semicolons or tabs. Blanks around fields do not count.

    Args:
        file: the table.
        folder: folder that relative paths start in, and that no path may leave.

    Raises:
        DatasetError: a column is missing, a field is not what its column promises, or a path leads out of ``folder``.
    """
    text = read_text(file)
    header = text.partition("\n")[0]
    separator = next((one for one in SEPARATORS if one in header), ",")
    reader = csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        missing = [column for column in COLUMNS if column not in reader.fieldnames]
        if missing:
            raise DatasetError(f"{str(file)!r} lacks the column {missing[0]!r}; expected path, pid, camid, modality, split.")
        return [_row(f"Line {reader.line_num} of {str(file)!r}", cells, str(folder)) for cells in reader]
    except csv.Error as error:
        raise DatasetError(f"Line {reader.line_num + 1} of {str(file)!r} cannot be read as a line of a table: {error}.") from error


def _row(where: str, line: dict[str, str | None], folder: str) -> Row:
    cells = {name: (value or "").strip() for name, value in line.items() if name in (*COLUMNS, "camid", "split")}
    camid, split = cells.get("camid", ""), cells.get("split", "")
    if not cells["path"] or not cells["pid"]:
        raise DatasetError(f"{where} needs a path and a pid.")
    if len(cells["pid"]) > LONGEST_NAME:
        raise DatasetError(f"{where}: `pid` has {len(cells['pid'])} characters, at most {LONGEST_NAME} are read.")
    if cells["modality"] not in MODALITIES:
        raise DatasetError(f"{where}: `modality` must be visible or infrared, got {shown(cells['modality'])}.")
    if split not in (*SPLITS, ""):
        raise DatasetError(f"{where}: `split` must be train or test, got {shown(split)}.")
    number = whole_number(camid) if camid else None
    if camid and number is None:
        raise DatasetError(f"{where}: `camid` must be a whole number, got {shown(camid)}.")
    path = inside(cells["path"], folder)
    if path is None:
        raise DatasetError(
            f"{where} names {shown(cells['path'])}, which is outside {folder!r}. Set `image_root` to a folder that holds all images."
        )
    return Row(str(Path(folder, path)), cells["pid"], number, MODALITIES[cells["modality"]], split)
