"""Differences of runs, paired as finely as what they wrote allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vireid.metrics import PairedTest, paired_test
from vireid.results import Result, RunResults
from vireid.results.summary import TRIAL, remarks

Over = Literal["queries", "trials", "runs"]
Compared = tuple[list["Comparison"], dict[str, str]]


@dataclass(frozen=True)
class Comparison:
    """One metric of one protocol.

    Attributes:
        name: protocol and variant.
        remark: of either side.
        metric: ``mAP`` or ``rank1``.
        a, b: means, fractions.
        test: ``None`` where nothing can be paired.
        over: what the test is over.
    """

    name: str
    remark: str
    metric: str
    a: float
    b: float
    test: PairedTest | None
    over: Over

    @property
    def label(self) -> str:
        """Name and remark."""
        return f"{self.name}\n{self.remark}" if self.remark else self.name

    @property
    def units(self) -> str:
        """How many independent things the test is over."""
        assert self.test is not None
        noun = {"queries": "people", "trials": "trials", "runs": "pairs of runs"}[self.over]
        return f"{self.test.units} {noun}"


def compare_runs(a: RunResults, b: RunResults) -> Compared:
    """Every protocol of two runs: mAP over queries, rank-1 over trials; and per protocol that cannot be compared, why.

    Average precisions of one identity's queries, in all trials, are one unit. Where a side holds none, mAP is paired over trials.
    Results on other images are refused even if they have equally many trials: the same trial number then means another gallery.
    """
    rows = {result.name: result for result in a.results}
    others = {result.name: result for result in b.results}
    compared: list[Comparison] = []
    refused = {name: "only A holds it" for name in rows if name not in others}
    refused |= {name: "only B holds it" for name in others if name not in rows}
    for name in (name for name in rows if name in others):
        first, second = rows[name], others[name]
        if not _same_images(first, second):
            refused[name] = "the images compared are not the same"
            continue
        found, over = _over_queries(first, second)
        if found is None:
            found, over = _over_trials(first, second, "mAP"), "trials"
        if found is None:
            refused[name] = "it has a single trial, and a side lacks queries.npz with its queries' average precisions: test again"
            continue
        remark = remarks((first, second))
        compared.append(Comparison(name, remark, "mAP", first.mean["mAP"], second.mean["mAP"], found, over))
        rank1 = _over_trials(first, second, "rank1")
        compared.append(Comparison(name, remark, "rank1", first.mean["rank1"], second.mean["rank1"], rank1, "trials"))
    return compared, refused


def compare_series(a: Sequence[RunResults], b: Sequence[RunResults]) -> Compared:
    """Protocols of several runs per side, run against run: seeds, or trials whose protocols differ in ``/trial-N`` only."""
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
        for metric in ("mAP", "rank1"):
            first, second = ([pair[side].mean[metric] for pair in pairs[name]] for side in (0, 1))
            test = paired_test(first, second)
            compared.append(Comparison(name, remark, metric, float(np.mean(first)), float(np.mean(second)), test, "runs"))
    return compared, refused


def _same_images(first: Result, second: Result) -> bool:
    return bool(first.images_sha256) and first.images_sha256 == second.images_sha256


def _over_queries(first: Result, second: Result) -> tuple[PairedTest | None, Over]:
    """Queries of all trials, by identity; equal digests say that they are the same in the same order."""
    if not (first.ap and second.ap):
        return None, "queries"
    a, b, pids = (np.concatenate(columns) for columns in (first.ap, second.ap, first.pids))
    valid = np.isfinite(a) & np.isfinite(b)  # by the labels alone, so the same on both sides
    return paired_test(a[valid], b[valid], pids[valid]), "queries"


def _over_trials(first: Result, second: Result, metric: str) -> PairedTest | None:
    return paired_test(first.values[metric], second.values[metric]) if first.trials > 1 else None
