"""The default logger: ``metrics.csv`` in the run directory."""

from __future__ import annotations

import csv
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter
from pytorch_lightning.utilities import rank_zero_only

from vireid.errors import OutputError
from vireid.files import atomic_file


class RunLogger(CSVLogger):
    """Lightning's CSV logger. It writes into the run directory, and keeps what a resumed run logged before.

    Args:
        directory: the run directory.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(save_dir=directory, name="", version="", flush_logs_every_n_steps=50)
        self.begun = False  # whether a writer was asked for

    @property
    def log_dir(self) -> str:
        """The run directory."""
        return str(self.save_dir)

    @property
    def experiment(self) -> Any:
        """The writer. An earlier ``metrics.csv`` is moved aside first, because Lightning would delete it."""
        if not self.begun:
            self.begun = True
            set_aside(Path(self.log_dir) / "metrics.csv")
            self._experiment = _writer(self.log_dir)
        return super().experiment


class WholeRows(ExperimentWriter):
    """Writes rows as a whole or not at all. Lightning empties the file before it writes it again with a new column.

    Args:
        log_dir: the run directory.
    """

    def save(self) -> None:
        """Write the rows that are not written yet.

        Raises:
            OutputError: they cannot be written; those before them are intact.
        """
        if not self.metrics:
            return
        path, names = Path(self.metrics_file_path), sorted({*self.metrics_keys, *(name for row in self.metrics for name in row)})
        if path.is_file() and names == self.metrics_keys:
            _append(path, _lines(self.metrics, names))
        else:
            with atomic_file(path) as file:
                file.write(_lines([*_rows(path), *self.metrics], names, header=True))
        self.metrics, self.metrics_keys = [], names


@rank_zero_only
def set_aside(path: Path) -> None:
    """Rename an existing file to ``<name>-before-resume-N``, with the smallest free N from 1."""
    number = 1
    while (aside := path.with_name(f"{path.stem}-before-resume-{number}{path.suffix}")).exists():
        number += 1
    if path.exists():
        path.rename(aside)


@rank_zero_only
def _writer(folder: str) -> WholeRows:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Experiment logs directory")  # it holds config.yaml, and nothing is deleted
        return WholeRows(folder)


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _lines(rows: Sequence[dict[str, Any]], names: Sequence[str], header: bool = False) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=names)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _append(path: Path, lines: bytes) -> None:
    before = path.stat().st_size
    try:
        with path.open("ab", buffering=0) as file:
            while lines:
                lines = lines[file.write(lines) :]
    except OSError as error:
        os.truncate(path, before)
        raise OutputError(f"Cannot write {os.fspath(path)!r} ({error.strerror or error}); what was there before is intact.") from error
