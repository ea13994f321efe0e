"""Which numbers of a table are the best by more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vireid.results.comparison import compare_runs
from vireid.results.files import RunResults
from vireid.results.result import METRICS
from vireid.results.summary import SummaryRow
from vireid.results.verdict import ALPHA

Better = set[tuple[str, str]]  # row and measure


def with_best(rows: Sequence[SummaryRow], runs: Sequence[RunResults]) -> list[SummaryRow]:
    """The rows, each with the measures in which it beats every other run of its protocol by the paired test.

    Args:
        rows: one row for every result of every run.
        runs: the runs.
    """
    numbers = range(len(runs))
    beaten = {(a, b): _better(runs[a], runs[b]) for a in numbers for b in numbers if a != b}
    found = []
    for row in rows:
        own = next(number for number in numbers if any(result is row.result for result in runs[number].results))
        rivals = [n for n in numbers if n != own and any(result.name == row.result.name for result in runs[n].results)]
        best = [metric for metric in METRICS if rivals and all((row.result.name, metric) in beaten[own, rival] for rival in rivals)]
        found.append(replace(row, best=frozenset(best)))
    return found


def _better(a: RunResults, b: RunResults) -> Better:
    """Rows and measures in which ``a`` beats ``b`` by more than noise."""
    compared, _ = compare_runs(a, b)
    tested = ((found, found.evidence.test) for found in compared)
    return {(found.name, found.metric) for found, test in tested if test is not None and test.difference > 0 and test.p_value < ALPHA}
