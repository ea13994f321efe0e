"""The course of a training: ``metrics.csv`` of a run, with what was logged before a resume."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vireid.errors import ResultsError
from vireid.files import read_text

METRICS_CSV = "metrics.csv"
BEFORE = re.compile(r"metrics-before-resume-(\d+)\.csv")


@dataclass(frozen=True)
class Training:
    """Logged numbers by name, each ``{epoch: value}`` in the order of epochs.

    Attributes:
        columns: such as ``train/loss`` and ``val/mAP``.
        resumes: how often the run was resumed.
    """

    columns: Mapping[str, Mapping[int, float]]
    resumes: int = 0

    def __getitem__(self, name: str) -> tuple[list[int], list[float]]:
        """Epochs and values; empty if nothing of this name was logged."""
        column = self.columns.get(name, {})
        return list(column), list(column.values())


def read_training(folder: Path) -> Training | None:
    """What a run has logged per epoch. What a resumed run logged again counts. ``None`` if there is no ``metrics.csv``.

    Raises:
        ResultsError: a file is damaged.
    """
    earlier = sorted((int(found[1]), path) for path in folder.glob("metrics-before-resume-*.csv") if (found := BEFORE.fullmatch(path.name)))
    files = [path for _, path in earlier] + [folder / METRICS_CSV]
    if not files[-1].is_file():
        return None
    columns: dict[str, dict[int, float]] = {}
    for path in files:
        for epoch, name, value in _numbers(path):
            columns.setdefault(name, {})[epoch] = value
    return Training({name: dict(sorted(column.items())) for name, column in columns.items()}, len(earlier))


def _numbers(path: Path) -> Iterator[tuple[int, str, float]]:
    """Epoch, column and value of every cell that holds a number."""
    try:
        for row in csv.DictReader(io.StringIO(read_text(path), newline="")):
            if not row.get("epoch"):
                continue
            epoch = int(row["epoch"])
            for name, text in row.items():
                if name not in ("epoch", "step") and isinstance(text, str) and text:
                    value = float(text)
                    yield epoch, name, value if math.isfinite(value) else math.nan
    except (OSError, ValueError, csv.Error) as error:
        raise ResultsError(f"{os.fspath(path)!r} is damaged: {error}.") from error
