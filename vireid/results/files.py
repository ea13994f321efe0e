"""Reader of ``metrics.json``: it finds the file of a run, checks it, and reads the results with their queries."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from vireid.errors import MissingFileError, ResultsError
from vireid.files import read_text
from vireid.metrics import OperatingPoint, Threshold
from vireid.results.details import Details, Images
from vireid.results.images import EMBEDDINGS_FILE, read_images
from vireid.results.queries import read_details, with_queries
from vireid.results.result import METRICS, Result

FORMAT, VERSION = "vireid.metrics", 1
METRICS_FILE, QUERIES_FILE = "metrics.json", "queries.npz"
MOST_TRIALS = 1_000  # of a row; published protocols have ten
FORKS_FILE = "forks.json"  # scores of finished forks, of a search that confirms its answer


@dataclass(frozen=True)
class RunResults:
    """Results of one evaluation on disk.

    Attributes:
        path: path of its ``metrics.json``.
        results: rows of the results table.
        about: other entries of the file: ``phase``, ``evaluated_on``, ``checkpoint`` and others.
    """

    path: Path
    results: tuple[Result, ...]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder, as the user named it."""
        return os.fspath(self.path.parent)

    @cached_property
    def details(self) -> Details:
        """What the test kept for pictures; empty for an older one."""
        return read_details(self.path.with_name(QUERIES_FILE), self.results)

    def check_rows(self) -> None:
        """Check that the details name no other images than the test has.

        Raises:
            ResultsError: they do.
        """
        known = 0 if self.images is None else len(self.images.pids)
        named = [rows for trials in self.details.ranks.values() for ranks in trials for rows in (ranks.query, ranks.entries)]
        if (attention := self.details.attention) is not None:
            named += [attention.query, attention.entry]
        if self.images is not None and any(rows.size and rows.max() >= known for rows in named):
            raise ResultsError(f"{self.name!r} is damaged: its lists name images that it does not have. Run `vireid test` again.")

    @cached_property
    def images(self) -> Images | None:
        """The images of the test with their embeddings; ``None`` for an older one."""
        return read_images(self.path.with_name(EMBEDDINGS_FILE))


def read_results(path: str | os.PathLike[str]) -> RunResults:
    """Results of one evaluation.

    Args:
        path: a ``metrics.json``, the folder of a test, or the folder of a run. Of a run, the newest ``test-N`` is read
            (``validate-N`` if there is no test).

    Raises:
        MissingFileError: there is no such file.
        ResultsError: the folder holds several evaluations, so that one must be named. Or the file was not written by vireid, is
            damaged, or has another version.

    Example::

        for result in read_results("runs/child/test-1").results:
            print(result.protocol, result.mean["mAP"])
    """
    found = find_metrics(Path(path))
    content = _content(found)
    try:
        results = tuple(_result(row) for row in content["results"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ResultsError(f"{os.fspath(found)!r} is damaged: {type(error).__name__} {error}. Run `vireid test` again.") from error
    about = {key: value for key, value in content.items() if key not in ("format", "version", "results")}
    return RunResults(found, with_queries(found.with_name(QUERIES_FILE), results), about)


def find_metrics(path: Path) -> Path:
    """The ``metrics.json`` that :func:`read_results` reads."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise MissingFileError(f"There is no {os.fspath(path)!r}: name a run, the folder of a test, or its {METRICS_FILE}.")
    if (path / METRICS_FILE).is_file():
        return path / METRICS_FILE
    for kind in ("test", "validate"):
        numbered = [file for file in path.glob(f"{kind}-*/{METRICS_FILE}") if re.fullmatch(rf"{kind}-\d+", file.parent.name)]
        if numbered:
            return max(numbered, key=lambda file: (file.stat().st_mtime_ns, int(file.parent.name.partition("-")[2])))
    others = sorted(path.rglob(METRICS_FILE))
    if not others:
        raise MissingFileError(f"No {METRICS_FILE} under {os.fspath(path)!r}: run `vireid test --ckpt` on its checkpoint first.")
    if len(others) > 1:
        names = ", ".join(os.fspath(file.parent) for file in others[:5]) + (", ..." if len(others) > 5 else "")
        raise ResultsError(f"{os.fspath(path)!r} holds {len(others)} evaluations; name one: {names}.")
    return others[0]


def _content(path: Path) -> dict[str, Any]:
    name = os.fspath(path)
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{name!r} is damaged or no {METRICS_FILE}: {error}.") from error
    if isinstance(content, dict) and str(content.get("format")).startswith("vireid."):
        if content["format"] != FORMAT:
            raise ResultsError(f"{name!r} holds {content['format']!r}, but only results of retrieval ({FORMAT}) are compared.")
    else:
        raise ResultsError(f"{name!r} was not written by vireid: it lacks `format: {FORMAT}`.")
    if content.get("version") != VERSION:
        raise ResultsError(f"{name!r} has version {content.get('version')!r}, this vireid reads {VERSION}: upgrade the older of the two.")
    rows = content.get("results")
    if isinstance(rows, list) and any(isinstance(row, dict) and "mean" in row and "values" not in row for row in rows):
        raise ResultsError(f"{name!r} is of an older vireid, which kept no numbers of single trials: run `vireid test` again.")
    return content


def _result(row: dict[str, Any]) -> Result:
    values = {name: tuple(float(value) for value in row["values"][name]) for name in METRICS}
    if len({len(numbers) for numbers in values.values()}) != 1 or not values["mAP"]:
        raise ValueError("the metrics hold different numbers of trials, or none")
    if len(values["mAP"]) > MOST_TRIALS:
        raise ValueError(f"the metrics hold more than {MOST_TRIALS:,} trials")
    if not all(0 <= value <= 1 for numbers in values.values() for value in numbers):
        raise ValueError("a metric is not a fraction")
    texts = {name: row[name] for name in ("protocol", "remark", "variant", "images_sha256")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a text is expected")
    return Result(values=values, queries=int(row["queries"]), open_set=_open_set(row.get("open_set", [])), **texts)


def _open_set(trials: list[list[dict[str, Any]]]) -> tuple[tuple[OperatingPoint, ...], ...]:
    return tuple(tuple(_point(**point) for point in points) for points in trials)


def _point(target: float, threshold: dict[str, Any] | None, fnir: float | None, refused: str) -> OperatingPoint:
    found = None if threshold is None else Threshold(**threshold)
    numbers = [target, *([] if fnir is None else [fnir]), *([] if found is None else asdict(found).values())]
    if not all(isinstance(number, (int, float)) for number in numbers) or not isinstance(refused, str):
        raise TypeError("a number is expected")
    return OperatingPoint(target, found, fnir, refused)
