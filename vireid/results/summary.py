"""Rows of a summary: single runs, repetitions with other seeds, or the trials of one protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vireid.errors import ResultsError, SettingsError
from vireid.metrics import bootstrap_interval
from vireid.results.files import RunResults
from vireid.results.result import METRICS, Result

TRIAL = re.compile(r"(?P<base>.+)/trial-(?P<number>\d+)")
Kind = Literal["galleries", "seeds", "trials"]


@dataclass(frozen=True)
class SummaryRow:
    """One row of a summary.

    Attributes:
        run: run or runs of the numbers, as the user named them.
        result: protocol, variant, remark, and one number per repetition.
        kind: what varies between the numbers.
        best: measures in which the row is the best of its protocol by more than noise; empty where that was not tested.
    """

    run: str
    result: Result
    kind: Kind
    best: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """How many numbers the mean, the deviation and the interval are computed from."""
        return self.result.trials

    @property
    def over(self) -> str:
        """Number and kind of these numbers, as text."""
        noun = {"galleries": "trial", "seeds": "run", "trials": "trial"}[self.kind]
        return f"{self.count} {noun}{'s' if self.count != 1 else ''}"

    def numbers(self, metric: str) -> tuple[float, float, float, float]:
        """Mean, deviation and both ends of the interval, as fractions; NaN for all but the mean of a single number."""
        values = self.result.values[metric]
        deviation = self.result.std[metric] if len(values) > 1 else float("nan")
        return self.result.mean[metric], deviation, *bootstrap_interval(values)


def single_rows(runs: Sequence[RunResults]) -> list[SummaryRow]:
    """One row for every result of every run."""
    return [SummaryRow(run.name, result, "galleries") for run in runs for result in run.results]


def over_seeds_rows(runs: Sequence[RunResults]) -> list[SummaryRow]:
    """One row per protocol and variant; its numbers are the means of the runs.

    Raises:
        SettingsError: there are fewer than two runs, or a run is given twice.
        ResultsError: the runs have different protocols or images.
    """
    check_distinct(runs)
    if len(runs) < 2:
        raise SettingsError("`over_seeds` needs at least two runs.")
    first = runs[0]
    for run in runs[1:]:
        names, expected = ([result.name for result in each.results] for each in (run, first))
        if sorted(names) != sorted(expected):
            raise ResultsError(f"Repetitions hold the same protocols, but {run.name!r} holds {names} and {first.name!r} {expected}.")
    rows = []
    for result in first.results:
        same = [next(other for other in run.results if other.name == result.name) for run in runs]
        for run, other in zip(runs, same, strict=True):
            if not other.images_sha256 or other.images_sha256 != result.images_sha256:
                raise ResultsError(f"{run.name!r} and {first.name!r} compared other images in `{result.name}`: they are no repetitions.")
        rows.append(SummaryRow(_common([run.name for run in runs]), joined(result.protocol, same), "seeds"))
    return rows


def over_trials_rows(runs: Sequence[RunResults]) -> list[SummaryRow]:
    """One row per protocol, whose name loses ``/trial-N``. Its numbers are the trials in order.

    Raises:
        ResultsError: a protocol does not end in ``/trial-N``, or several runs hold the same trial.
    """
    check_distinct(runs)
    groups: dict[tuple[str, str], dict[int, Result]] = {}
    holders: dict[str, str] = {}
    for run in runs:
        for result in run.results:
            match = TRIAL.fullmatch(result.protocol)
            if match is None:
                raise ResultsError(f"`{result.protocol}` of {run.name!r} does not end in /trial-N: its trials are one run already.")
            if result.name in holders:
                raise ResultsError(f"{holders[result.name]!r} and {run.name!r} both hold `{result.name}`: give one run per trial.")
            holders[result.name] = run.name
            groups.setdefault((match["base"], result.variant), {})[int(match["number"])] = result
    name = _common([run.name for run in runs])
    rows = []
    for (base, _), trials in groups.items():
        numbers = sorted(trials)
        result = joined(base, [trials[number] for number in numbers])
        listed = f"trials {', '.join(map(str, numbers))}"
        rows.append(SummaryRow(name, replace(result, remark="; ".join(filter(None, (result.remark, listed)))), "trials"))
    return rows


def joined(protocol: str, results: Sequence[Result]) -> Result:
    """One result from the means of several results. Every remark is kept once."""
    values = {name: tuple(result.mean[name] for result in results) for name in METRICS}
    first = results[0]
    return Result(protocol, values, first.queries, remarks(results), first.variant, first.images_sha256)


def remarks(results: Sequence[Result]) -> str:
    """All remarks, each once."""
    return "; ".join(dict.fromkeys(result.remark for result in results if result.remark))


def check_distinct(runs: Sequence[RunResults]) -> None:
    """Raise ``SettingsError`` if a run is given more than once."""
    paths = [run.path.resolve() for run in runs]
    for run, path in zip(runs, paths, strict=True):
        if paths.count(path) > 1:
            raise SettingsError(f"{run.name!r} is given more than once.")


def _common(names: Sequence[str]) -> str:
    """Common form of all names: ``runs/seed-{1,2}/test-1`` gives ``runs/seed-*/test-1``."""
    parts = [name.split("/") for name in names]
    if len({len(part) for part in parts}) > 1:
        return f"{len(names)} runs"
    return "/".join(column[0] if len(set(column)) == 1 else _star(column) for column in zip(*parts, strict=True))


def _star(words: Sequence[str]) -> str:
    start = 0
    while len({word[: start + 1] for word in words}) == 1:
        start += 1
    return f"{words[0][:start]}*"
