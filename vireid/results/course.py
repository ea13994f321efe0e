"""The course of a search: ``architecture.csv`` and ``architecture_summary.csv`` of its run."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vireid.errors import ResultsError
from vireid.files import read_text

ARCHITECTURE_FILE = "architecture.csv"
SUMMARY_FILE = "architecture_summary.csv"


@dataclass(frozen=True)
class Course:
    """Probabilities of all candidates over a search.

    Attributes:
        epochs: epochs with architecture steps, ascending.
        stages: stage of every site, by the site's name, in the order of the network.
        probabilities: ``(sites, epochs)`` by candidate; NaN where a site does not have it.
        entropy, margin: ``(epochs,)`` means over the sites.
    """

    epochs: list[int]
    stages: Mapping[str, str]
    probabilities: Mapping[str, NDArray[np.float64]]
    entropy: list[float]
    margin: list[float]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file; none if there is no file."""
    if not path.is_file():
        return []
    return list(csv.DictReader(io.StringIO(read_text(path), newline="")))


def read_course(folder: Path) -> Course | None:
    """The course of the search in a run's folder; ``None`` if there is none, as before the first architecture step.

    Raises:
        ResultsError: a file is damaged.
    """
    path = folder / ARCHITECTURE_FILE
    try:
        rows, summary = read_rows(path), read_rows(folder / SUMMARY_FILE)
        return _course(rows, summary) if rows and summary else None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise ResultsError(f"{os.fspath(path)!r} is damaged: {type(error).__name__} {error}.") from error


def _course(rows: list[dict[str, str]], summary: list[dict[str, str]]) -> Course:
    epochs = [int(row["epoch"]) for row in summary]
    columns = {epoch: number for number, epoch in enumerate(epochs)}
    stages = {row["site"]: row["stage"] for row in rows}
    places = {site: number for number, site in enumerate(stages)}
    probabilities: dict[str, NDArray[np.float64]] = {}
    for row in rows:
        if int(row["epoch"]) in columns:  # a killed run may have written one of the two files
            table = probabilities.setdefault(row["candidate"], np.full((len(stages), len(epochs)), np.nan))
            table[places[row["site"]], columns[int(row["epoch"])]] = float(row["probability"])
    means = {key: [_finite(row[key]) for row in summary] for key in ("entropy", "margin")}
    return Course(epochs, stages, probabilities, **means)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else math.nan
