"""Files of results as a test writes them, with chosen numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vireid.results import Result, write_metrics
from vireid.results.details import Details
from vireid.results.result import METRICS, TrialQueries

SYSU = "sysu/all/single-shot/seeded"
PIDS = np.repeat(np.arange(100, 120), 5)


def average_precisions(seed: int, mean: float = 0.5, trials: int = 3) -> list[NDArray[np.float64]]:
    """Of 20 people with five queries each; people differ, trials a little."""
    random = np.random.default_rng(seed)
    people = np.random.default_rng(0).normal(mean, 0.1, 20)  # the same for every seed
    return [np.clip(people[PIDS - 100] + random.normal(0, 0.02, 100), 0.01, 0.99) for _ in range(trials)]


def queries_of(ap: NDArray[np.float64]) -> TrialQueries:
    """Queries with these average precisions, whose other scores follow from them."""
    return TrialQueries(PIDS, ap, inp=0.8 * ap, first=np.fmax(np.ceil(40 * (0.6 - ap)), 1) + 0 * ap)


def result(
    ap: Sequence[NDArray[np.float64]] | None = None,
    protocol: str = SYSU,
    remark: str = "",
    variant: str = "",
    digest: str = "d1",
    with_queries: bool = True,
) -> Result:
    """A row whose mAP is that of the average precisions and whose other numbers follow from them."""
    queries = tuple(queries_of(row) for row in (average_precisions(1) if ap is None else ap))
    scores = [trial.scores() for trial in queries]
    values = {name: tuple(float(np.nanmean(trial[name])) for trial in scores) for name in METRICS}
    return Result(protocol, values, len(PIDS), remark, variant, digest, queries if with_queries else ())


def write(folder: Path, *results: Result, details: Details | None = None) -> Path:
    """``folder`` with the files of one evaluation."""
    write_metrics(folder / "metrics.json", results or [result()], details, phase="retrained")
    return folder
