"""Searches among people who may be unknown: definitions by loops, thresholds by simulation with a known law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vireid.metrics.searching as searching
from vireid.metrics import Searches, TooFewSearchesError, cosine_scores, det_curve, fnir, fpir, search_people, threshold_at

RANDOM = np.random.default_rng(11)
QUERIES, GALLERY = np.array([3, 5, 5, 9, 2, 3]), np.array([5, 3, 3, 2, 5, 7, 7, 2, 3])
SCORES = RANDOM.integers(0, 8, (6, 9)) / 8  # many ties


def naive(scores: NDArray[Any], counted: NDArray[np.bool_]) -> list[list[float]]:
    """Mated and non-mated top score and rank of every query, by loops over people."""
    rows = []
    for query, (person, row) in enumerate(zip(QUERIES, scores, strict=True)):
        best: dict[int, float] = {}
        for at, owner in enumerate(GALLERY):
            if counted[query, at]:
                best[owner] = max(best.get(owner, -math.inf), row[at])
        others = [score for owner, score in best.items() if owner != person]
        mate = best.get(person, math.nan)
        rank = math.nan if math.isnan(mate) else 1 + sum(score >= mate for score in others)
        rows.append([mate, max(others, default=math.nan), rank])
    return np.array(rows).T.tolist()


@pytest.mark.parametrize("block", [1, 20, 1000])
def test_searches_are_those_of_loops_over_people(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BLOCK", block)
    for share in (0.0, 0.3, 0.9):
        ignored = RANDOM.random(SCORES.shape) < share
        found = search_people(lambda rows: SCORES[rows].copy(), QUERIES, GALLERY, lambda rows, ignored=ignored: ignored[rows])  # type: ignore[misc]
        np.testing.assert_array_equal([found.mated, found.non_mated, found.ranks], naive(SCORES, ~ignored))


def test_people_may_have_names_and_the_size_is_that_without_the_own_person() -> None:
    names = np.array(["ann", "bob", "cyd"])
    found = search_people(lambda rows: SCORES[rows][:, :3].copy(), names[[0, 1, 2, 0]], names)
    assert found.size == 2
    assert found.mated.tolist() == SCORES[[0, 1, 2, 3], [0, 1, 2, 0]].tolist()


def test_scores_are_cosines_of_unit_rows() -> None:
    rows = np.float32([[1, 0], [0.6, 0.8]])
    np.testing.assert_allclose(cosine_scores(rows, rows[1:])(slice(0, 2)), [[0.6], [1]], atol=1e-7)


def test_nothing_to_search() -> None:
    with pytest.raises(ValueError, match="Both queries and gallery are needed"):
        search_people(lambda rows: SCORES[rows], [], GALLERY)


def test_rates_are_their_definitions() -> None:
    found = search_people(lambda rows: SCORES[rows].copy(), QUERIES, GALLERY)
    mated = ~np.isnan(found.mated)
    for t in np.unique(SCORES):
        assert fpir(found.non_mated, t) == np.mean([top > t for top in found.non_mated])
        for rank in (1, 2, 9):
            missed = [not (score > t and place <= rank) for score, place in zip(found.mated[mated], found.ranks[mated], strict=True)]
            assert fnir(found.mated, found.ranks, t, rank) == np.mean(missed)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_curve_holds_both_rates_at_each_threshold(rank: int) -> None:
    found = search_people(lambda rows: SCORES[rows].copy(), QUERIES, GALLERY)
    thresholds, false_alarms, misses = det_curve(found, rank)
    np.testing.assert_allclose(false_alarms, [fpir(found.non_mated, t) for t in thresholds])
    np.testing.assert_allclose(misses, [fnir(found.mated, found.ranks, t, rank) for t in thresholds])
    assert (false_alarms[0], false_alarms[-1], misses[-1]) == (1, 0, 1)
    assert (np.diff(false_alarms) <= 0).all()
    assert (np.diff(misses) >= 0).all()


def test_rates_of_nothing() -> None:
    with pytest.raises(ValueError, match="`non_mated` must hold at least one score"):
        fpir([np.nan], 0)
    with pytest.raises(ValueError, match="`mated` and `ranks` must be equally long"):
        fnir([1.0], [1.0, 2.0], 0)
    with pytest.raises(ValueError, match="`mated` must be a list of numbers"):
        fnir([[1.0]], [[1.0]], 0)


def searches(tops: NDArray[np.float64], people: NDArray[Any]) -> Searches:
    absent = np.full(len(tops), np.nan)
    return Searches(people, absent, tops, absent, 100)


def test_a_threshold_is_the_smallest_score_that_few_enough_exceed() -> None:
    tops = np.round(RANDOM.normal(size=400), 1)  # many ties
    found = threshold_at(searches(tops, np.arange(400)), 0.1)
    smaller = tops[tops < found.value]
    assert found.fpir == np.mean(tops > found.value) <= 0.1 < np.mean(tops > smaller.max())
    assert found.low < found.fpir < found.high
    assert (found.searches, found.people, found.size, found.target) == (400, 400, 100, 0.1)
    assert found.effective == pytest.approx(399)  # every person once: independent, but for the one that the mean takes


def test_searches_without_a_stranger_are_left_out() -> None:
    tops = RANDOM.normal(size=400)
    more = np.concatenate([tops, np.full(50, np.nan)])
    assert threshold_at(searches(more, np.arange(450)), 0.1) == threshold_at(searches(tops, np.arange(400)), 0.1)


@pytest.mark.parametrize(("target", "enough"), [(0.1, 300), (0.01, 3000), (0.03, 1000)])
def test_too_few_searches_are_refused(target: float, enough: int) -> None:
    tops = RANDOM.normal(size=enough)
    assert threshold_at(searches(tops, np.arange(enough)), target).searches == enough
    with pytest.raises(TooFewSearchesError, match=rf"needs at least {enough} searches .*, got {enough - 1}\. Add images of more people"):
        threshold_at(searches(tops[1:], np.arange(enough - 1)), target)


def test_false_alarms_of_few_people_are_refused() -> None:
    people = np.repeat(np.arange(100), 10)
    tops = RANDOM.normal(size=1000)
    tops[people < 9] += 100
    with pytest.raises(TooFewSearchesError, match=r"false alarms at a rate of .* are those of 9 people"):
        threshold_at(searches(tops, people), 0.05)
    assert threshold_at(searches(tops, people), 0.1).alarm_people > 9


@pytest.mark.parametrize("target", [0, 1, -0.1])
def test_impossible_targets(target: float) -> None:
    with pytest.raises(ValueError, match="`target` must be between 0 and 1"):
        threshold_at(searches(np.zeros(5), np.arange(5)), target)


def above(value: float) -> float:
    """Share of a standard normal law above a value."""
    return math.erfc(value / math.sqrt(2)) / 2


def coverage(correlation: float, target: float, repeats: int, people: int = 500, each: int = 10) -> float:
    """Share of the intervals that hold the true rate. Scores are normal, those of one person correlated."""
    random = np.random.default_rng([int(100 * correlation), int(1000 * target)])
    owners = np.repeat(np.arange(people), each)
    held = []
    for _ in range(repeats):
        own, others = random.standard_normal((people, 1)), random.standard_normal((people, each))
        tops = math.sqrt(correlation) * own + math.sqrt(1 - correlation) * others
        found = threshold_at(searches(tops.ravel(), owners), target)
        held.append(found.low <= above(found.value) <= found.high)
    return float(np.mean(held))


@pytest.mark.parametrize("target", [0.1, 0.01])
@pytest.mark.parametrize("correlation", [0, 0.6])
def test_the_interval_covers_the_rate_although_people_repeat(correlation: float, target: float) -> None:
    repeats = 100
    assert coverage(correlation, target, repeats) >= 0.92 - 2 * math.sqrt(0.92 * 0.08 / repeats), "two errors of so few repeats"


@pytest.mark.slow
@pytest.mark.parametrize("target", [0.1, 0.01])
@pytest.mark.parametrize("correlation", [0, 0.3, 0.6])
def test_the_interval_covers_the_rate_in_a_thousand_repeats(correlation: float, target: float) -> None:
    assert coverage(correlation, target, repeats=1000) >= 0.92


def within_a_fifth(repeats: int) -> float:
    """Share of thresholds from 20,000 independent searches whose true rate is .01, give or take a fifth."""
    random = np.random.default_rng(6)
    thresholds = [threshold_at(searches(random.standard_normal(20_000), np.arange(20_000)), 0.01).value for _ in range(repeats)]
    return float(np.mean([abs(above(value) - 0.01) <= 0.002 for value in thresholds]))


def test_many_independent_searches_give_the_wanted_rate() -> None:
    assert within_a_fifth(repeats=40) >= 0.95


@pytest.mark.slow
def test_many_independent_searches_give_the_wanted_rate_in_a_thousand_repeats() -> None:
    assert within_a_fifth(repeats=1000) >= 0.95
