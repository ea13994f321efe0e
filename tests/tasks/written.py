"""Files of results as a test writes them, with chosen numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vireid.results import Result, write_metrics
from vireid.results.result import METRICS

SYSU = "sysu/all/single-shot/seeded"
PIDS = np.repeat(np.arange(100, 120), 5)


def average_precisions(seed: int, mean: float = 0.5, trials: int = 3) -> list[NDArray[np.float64]]:
    """Of 20 people with five queries each; people differ, trials a little."""
    random = np.random.default_rng(seed)
    people = np.random.default_rng(0).normal(mean, 0.1, 20)  # the same for every seed
    return [np.clip(people[PIDS - 100] + random.normal(0, 0.02, 100), 0.01, 0.99) for _ in range(trials)]


def result(
    ap: Sequence[NDArray[np.float64]] | None = None,
    protocol: str = SYSU,
    remark: str = "",
    variant: str = "",
    digest: str = "d1",
    with_queries: bool = True,
) -> Result:
    """A row whose mAP is that of the average precisions and whose other numbers follow from it."""
    ap = average_precisions(1) if ap is None else ap
    means = [float(np.nanmean(row)) for row in ap]
    offset = dict(zip(METRICS, (0.01, 0.2, 0.3, 0.4, 0.0, -0.1), strict=True))
    values = {name: tuple(mean + offset[name] for mean in means) for name in METRICS}
    queries = {"ap": tuple(ap), "pids": tuple(PIDS for _ in ap)} if with_queries else {}
    return Result(protocol, values, len(PIDS), remark, variant, digest, **queries)


def write(folder: Path, *results: Result) -> Path:
    """``folder`` with the files of one evaluation."""
    write_metrics(folder / "metrics.json", results or [result()], phase="retrained")
    return folder
