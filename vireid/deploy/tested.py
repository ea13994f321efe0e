"""The rows of the test that belongs to a checkpoint; without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vireid.errors import ResultsError
from vireid.results import RunResults, read_results
from vireid.results.files import METRICS_FILE

TEST = "test identities"


def rows_of_test(checkpoint: str | os.PathLike[str], feature: str) -> tuple[dict[str, Any], ...]:
    """Rows of the newest test in the run of a checkpoint that was of this file as it is now; empty if there is none.

    Args:
        checkpoint: the file.
        feature: what an embedder of it compares; a test of another feature is not of this embedder.
    """
    path = Path(checkpoint).resolve()
    run = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    tests = [file for file in run.glob(f"*/{METRICS_FILE}") if file.stat().st_mtime_ns >= path.stat().st_mtime_ns]
    for file in sorted(tests, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        try:
            found = read_results(file)
        except ResultsError:
            continue
        if found.about.get("checkpoint") == path.name and _fits(found, feature):
            return _rows(found)
    return ()


def rows_in(results: str | os.PathLike[str], feature: str) -> tuple[dict[str, Any], ...]:
    """Rows of a test that the user names.

    Raises:
        MissingFileError, ResultsError: there is none, or it is no test of this feature.
    """
    found = read_results(results)
    if not _fits(found, feature):
        raise ResultsError(f"{os.fspath(found.path)!r} is no test that compared {feature}: name the test of this checkpoint.")
    return _rows(found)


def _fits(found: RunResults, feature: str) -> bool:
    return found.about.get("evaluated_on") == TEST and found.about.get("feature") == feature


def _rows(found: RunResults) -> tuple[dict[str, Any], ...]:
    return tuple(result.to_dict() for result in found.results)
