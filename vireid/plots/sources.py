"""What a figure is drawn from: the folder of a test, or results that are read already."""

from __future__ import annotations

import os
from typing import TypeVar

from vireid.errors import ResultsError
from vireid.results import read_results
from vireid.results.files import RunResults
from vireid.results.result import Result

Source = RunResults | str | os.PathLike[str]
T = TypeVar("T")


def results_of(source: Source) -> RunResults:
    """The results that ``source`` is, or that its folder holds.

    Raises:
        MissingFileError, ResultsError: see :func:`vireid.results.read_results`.
    """
    return source if isinstance(source, RunResults) else read_results(source)


def row_of(source: Source, protocol: str | None) -> tuple[RunResults, Result]:
    """Results and one of their rows.

    Args:
        source: of the results.
        protocol: name of the row; ``None`` for the first.

    Raises:
        ResultsError: there is no such row.
    """
    run = results_of(source)
    found = [row for row in run.results if protocol is None or row.name == protocol]
    if not found:
        names = ", ".join(row.name for row in run.results) or "none"
        raise ResultsError(f"{run.name!r} has no row {protocol!r}; it has: {names}.")
    return run, found[0]


def kept(value: T | None, run: RunResults, what: str) -> T:
    """What the test kept.

    Raises:
        ResultsError: it kept nothing of this kind; the message says how to get it.
    """
    if value is None:
        raise ResultsError(f"{run.name!r} holds no {what}: it was tested by an older vireid. Run `vireid test` again.")
    return value
