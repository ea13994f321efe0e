"""``queries.npz``: scores of every query of an evaluation, and the details that pictures need."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.archives import read_arrays
from vireid.errors import ResultsError
from vireid.files import atomic_file
from vireid.results.detail_arrays import as_arrays, from_arrays
from vireid.results.details import Details
from vireid.results.result import Result, TrialQueries

VERSION = 3
"""Version of the file. Version 2 has no details; a file of version 1 states no version and holds only identities and average precisions."""

ARRAYS = {"pids": "iu", "people": "U", **dict.fromkeys(("ap", "inp", "first", "mated", "non_mated"), "fiu")}  # and NumPy's kinds of values
AGAIN = "run `vireid test` again"


def write_queries(path: Path, results: Sequence[Result], details: Details | None = None) -> None:
    """Write the scores of the queries of every row and trial. If the rows hold none, nothing is written.

    The array ``version`` is the version of the file, and ``names`` lists the rows. ``pids.<row>.<trial>``, ``ap...``, ``inp...`` and
    ``first...`` are the fields of :class:`~vireid.results.result.TrialQueries`; rows and trials count from 0. Details are described in
    :mod:`vireid.results.schema`.

    Raises:
        OutputError: the file cannot be written; an existing file is intact.
    """
    if not any(result.per_query for result in results):
        return
    arrays: dict[str, Any] = {"version": np.array(VERSION), "names": np.array([result.name for result in results])}
    for row, result in enumerate(results):
        for trial, queries in enumerate(result.per_query):
            known = {name: getattr(queries, name) for name in ARRAYS}
            arrays |= {f"{name}.{row}.{trial}": values for name, values in known.items() if values is not None}
    if details is not None:
        arrays |= as_arrays(details, [result.name for result in results])
    with atomic_file(path) as file:
        np.savez_compressed(file, **arrays)


def with_queries(path: Path, results: tuple[Result, ...]) -> tuple[Result, ...]:
    """The results with the scores in ``queries.npz``, after a check that they belong together. Without that file, the results unchanged.

    Raises:
        ResultsError: the file is damaged, has a newer version, or belongs to other results.
    """
    if not path.is_file():
        return results
    arrays = _arrays(path)
    names = arrays["names"].tolist() if "names" in arrays else None
    if names != [result.name for result in results]:
        raise ResultsError(f"{os.fspath(path)!r} is of other results than the metrics.json beside it: {AGAIN}.")
    return tuple(replace(result, per_query=_of_row(path, arrays, row, result)) for row, result in enumerate(results))


def read_details(path: Path, results: Sequence[Result]) -> Details:
    """The details in ``queries.npz``. Without that file, or of an older version, there are none.

    Args:
        path: the file.
        results: its rows, which :func:`with_queries` has checked.

    Raises:
        ResultsError: the file is damaged.
    """
    if not path.is_file():
        return Details()
    try:
        return from_arrays(_arrays(path), [result.name for result in results])
    except ValueError as error:
        raise ResultsError(f"{os.fspath(path)!r} is damaged: {str(error).rstrip('.')}. Run `vireid test` again.") from error


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        arrays = read_arrays(path)
    except Exception as error:  # whatever NumPy and zipfile stumble over in damaged bytes
        raise ResultsError(f"{os.fspath(path)!r} is damaged: {error}. Run `vireid test` again.") from error
    version = arrays.get("version", np.array(1))
    if version.tolist() not in (1, 2, VERSION):
        raise ResultsError(f"{os.fspath(path)!r} has version {version.tolist()!r}, this vireid reads 1 to {VERSION}: upgrade the package.")
    return arrays


def _of_row(path: Path, arrays: Mapping[str, NDArray[Any]], row: int, result: Result) -> tuple[TrialQueries, ...]:
    if f"ap.{row}.0" not in arrays:
        return ()
    found = []
    for trial in range(result.trials):
        columns = {name: arrays.get(f"{name}.{row}.{trial}") for name in ARRAYS}
        pids, ap = columns["pids"], columns["ap"]
        if pids is None or ap is None or ap.ndim != 1 or not all(_is_of(ap.shape, name, column) for name, column in columns.items()):
            raise ResultsError(f"{os.fspath(path)!r} is damaged: trial {trial} of `{result.name}` is not whole. Run `vireid test` again.")
        queries = TrialQueries(pids, ap, columns["inp"], columns["first"], columns["people"], columns["mated"], columns["non_mated"])
        for metric, values in queries.scores().items():
            if not _has_mean(values, result.values[metric][trial]):
                raise ResultsError(f"{os.fspath(path)!r} does not give the {metric} of the metrics.json beside it: {AGAIN}.")
        found.append(queries)
    return tuple(found)


def _is_of(shape: tuple[int, ...], name: str, column: NDArray[Any] | None) -> bool:
    return column is None or (column.shape == shape and column.dtype.kind in ARRAYS[name])


def _has_mean(values: NDArray[np.float64], mean: float) -> bool:
    return bool(np.isfinite(values).any()) and abs(float(np.nanmean(values)) - mean) < 1e-6
