"""Differences between runs. They are paired over queries, trials or runs: the finest pairing that the files allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vireid.metrics import PairedTest, paired_test, paired_tests
from vireid.results.files import RunResults
from vireid.results.result import METRICS, Result
from vireid.results.summary import TRIAL, remarks

Over = Literal["people", "trials", "runs"]
Tests = dict[str, "Evidence"]
NOUNS: dict[Over, str] = {"people": "people", "trials": "trials", "runs": "pairs of runs"}


@dataclass(frozen=True)
class Evidence:
    """Whether the difference of one measure is more than noise.

    Attributes:
        over: units of the test, also if there is none.
        test: result of the test; ``None`` if nothing can be tested.
        untested: reason why there is no test; empty if there is one.
    """

    over: Over
    test: PairedTest | None = None
    untested: str = ""


@dataclass(frozen=True)
class Comparison:
    """Comparison of one measure of one protocol.

    Attributes:
        name: protocol and variant.
        remark: remarks of both sides.
        metric: measure, a name of :data:`~vireid.results.result.METRICS`.
        a, b: means of the two sides, as fractions in [0, 1].
        evidence: test of their difference.
    """

    name: str
    remark: str
    metric: str
    a: float
    b: float
    evidence: Evidence

    @property
    def label(self) -> str:
        """Name and remark."""
        return f"{self.name}\n{self.remark}" if self.remark else self.name

    @property
    def units(self) -> str:
        """Number and kind of the independent units of the test; empty if there is no test."""
        test = self.evidence.test
        return f"{test.units} {NOUNS[self.evidence.over]}" if test else ""


Compared = tuple[list[Comparison], dict[str, str]]


def compare_runs(a: RunResults, b: RunResults) -> Compared:
    """Compare every measure of every protocol of two runs. For each protocol that cannot be compared, give the reason.

    The scores of one person's queries, in all trials, are one unit. If a side did not keep the scores of every query, the measure is
    paired over trials. Results on different images are refused, even if they have equally many trials, because the same trial number
    then means another gallery.
    """
    rows = {result.name: result for result in a.results}
    others = {result.name: result for result in b.results}
    compared: list[Comparison] = []
    refused: dict[str, str] = {name: "only A holds it" for name in rows if name not in others}
    refused |= {name: "only B holds it" for name in others if name not in rows}
    for name in (name for name in rows if name in others):
        first, second = rows[name], others[name]
        if not _same_images(first, second):
            refused[name] = "the images compared are not the same"
            continue
        found = {metric: _over_trials(first, second, metric) for metric in METRICS} | _over_people(first, second)
        if first.trials == 1 and all(evidence.test is None for evidence in found.values()):
            refused[name] = "it has a single trial, and a side lacks queries.npz with what its queries scored: test again"
            continue
        a_mean = first.mean
        b_mean = second.mean
        remark = remarks((first, second))
        compared += [Comparison(name, remark, metric, a_mean[metric], b_mean[metric], found[metric]) for metric in METRICS]
    return compared, refused


def compare_series(a: Sequence[RunResults], b: Sequence[RunResults]) -> Compared:
    """Compare several runs per side, run against run. The runs differ in the seed, or their protocols differ in ``/trial-N`` only."""
    pairs: dict[str, list[tuple[Result, Result]]] = {}
    refused: dict[str, str] = {}
    for one, other in zip(a, b, strict=True):
        others = {result.name: result for result in other.results}
        for result in one.results:
            match = TRIAL.fullmatch(result.protocol)
            name = replace(result, protocol=match["base"] if match else result.protocol).name
            if result.name not in others:
                refused[name] = f"{other.name!r} does not hold `{result.name}` of {one.name!r}"
            elif not _same_images(result, others[result.name]):
                refused[name] = f"{one.name!r} and {other.name!r} compared other images"
            else:
                pairs.setdefault(name, []).append((result, others[result.name]))
    for name in pairs:
        if len(pairs[name]) != len(a):
            refused.setdefault(name, "not every run holds it")
    compared = []
    for name in (name for name in pairs if name not in refused):
        remark = remarks([result for pair in pairs[name] for result in pair])
        for metric in METRICS:
            first, second = ([pair[side].mean[metric] for pair in pairs[name]] for side in (0, 1))
            evidence = _paired(first, second, "runs")
            compared.append(Comparison(name, remark, metric, float(np.mean(first)), float(np.mean(second)), evidence))
    return compared, refused


def _same_images(first: Result, second: Result) -> bool:
    return bool(first.images_sha256) and (first.images_sha256, first.trials) == (second.images_sha256, second.trials)


def _over_people(first: Result, second: Result) -> Tests:
    """Tests over the queries of all trials, clustered by identity. Equal digests mean the same queries in the same order."""
    if not (first.per_query and second.per_query):
        return {}
    a, b = _scores(first), _scores(second)
    metrics = [metric for metric in a if metric in b]
    one, other = (np.stack([side[metric] for metric in metrics], axis=1) for side in (a, b))
    pids = np.concatenate([queries.pids for queries in first.per_query])
    valid = np.isfinite(one).all(1) & np.isfinite(other).all(1)  # labels alone decide, so both sides agree
    tests = paired_tests(one[valid], other[valid], pids[valid])
    return {metric: Evidence("people", test) for metric, test in zip(metrics, tests, strict=True)}


def _scores(result: Result) -> dict[str, NDArray[np.float64]]:
    """Scores of every query of all trials, by measure."""
    trials = [queries.scores() for queries in result.per_query]
    return {metric: np.concatenate([scores[metric] for scores in trials]) for metric in METRICS if all(metric in s for s in trials)}


def _over_trials(first: Result, second: Result, metric: str) -> Evidence:
    if first.trials == 1:
        return Evidence("trials", untested="there is a single trial")
    return _paired(first.values[metric], second.values[metric], "trials")


def _paired(first: Sequence[float], second: Sequence[float], over: Over) -> Evidence:
    """Paired test of the numbers. If all numbers of a side are equal, nothing was drawn, and they are one unit."""
    if len(first) > 1 and np.ptp(first) == np.ptp(second) == 0:
        return Evidence(over, untested=f"the {len(first)} {NOUNS[over]} hold the same numbers, which makes them one unit, not {len(first)}")
    return Evidence(over, paired_test(first, second))
