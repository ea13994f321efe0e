"""Intervals and paired tests against enumeration and scipy."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from vireid.metrics import bootstrap_interval, paired_test, paired_tests

RANDOM = np.random.default_rng(5)
TEN = RANDOM.normal(0.5, 0.02, 10)


def all_resampled_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.mean(drawn) for drawn in itertools.product(values, repeat=len(values))])


def enumerated_p(sums: list[float]) -> float:
    """Two-sided, by the definition."""
    flipped = [abs(sum(s * x for s, x in zip(signs, sums, strict=True))) for signs in itertools.product((1, -1), repeat=len(sums))]
    return sum(value >= abs(sum(sums)) - 1e-12 for value in flipped) / len(flipped)


def test_interval_is_that_of_all_resamples_of_a_small_sample() -> None:
    values = np.array([0.1, 0.25, 0.3, 0.7, 0.9])
    expected = np.quantile(all_resampled_means(values), [0.025, 0.975])
    # the quantile of 200,000 draws from 3125 means; neighbours lie up to 0.02 apart
    np.testing.assert_allclose(bootstrap_interval(values, resamples=200_000), expected, atol=0.011)


def test_interval_agrees_with_scipy() -> None:
    found = scipy.stats.bootstrap((TEN,), np.mean, n_resamples=100_000, method="percentile", rng=np.random.default_rng(1))
    expected = [found.confidence_interval.low, found.confidence_interval.high]
    # both are Monte Carlo: the standard error of a 2.5 % quantile of 1e5 draws is about 1 % of the mean's deviation
    np.testing.assert_allclose(bootstrap_interval(TEN, resamples=100_000), expected, atol=0.05 * TEN.std() / math.sqrt(10))


def test_level_resamples_and_seed_change_the_interval_and_the_same_call_does_not() -> None:
    low, high = bootstrap_interval(TEN)
    assert (low, high) == bootstrap_interval(TEN)
    narrow = bootstrap_interval(TEN, level=0.5)
    assert low < narrow[0] < TEN.mean() < narrow[1] < high
    assert bootstrap_interval(TEN, seed=1) != (low, high)
    assert bootstrap_interval(TEN, resamples=100) != (low, high)


def test_order_of_the_values_matters_no_more_than_chance_and_shift_and_scale_carry_over() -> None:
    low, high = bootstrap_interval(TEN)
    np.testing.assert_allclose(bootstrap_interval(3 * TEN + 1), [3 * low + 1, 3 * high + 1], rtol=1e-12)


def test_one_value_has_no_interval_and_equal_values_an_empty_one() -> None:
    assert all(math.isnan(end) for end in bootstrap_interval([0.4]))
    assert bootstrap_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_p_is_that_of_all_signs(n: int) -> None:
    a, b = RANDOM.random(n), RANDOM.random(n)
    found = paired_test(a, b)
    assert found.p_value == pytest.approx(enumerated_p(list(a - b)))
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert (found.units, found.smallest_p) == (n, 2 / 2**n)


def test_p_agrees_with_scipy_exactly_and_when_drawn() -> None:
    a, b = RANDOM.random(11), RANDOM.random(11)

    def mean(x: Any, axis: int) -> Any:
        return np.mean(x, axis=axis)

    exact = scipy.stats.permutation_test((a - b,), mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert paired_test(a, b).p_value == pytest.approx(exact)
    # 2**11 signs are more than 2000: drawn. The deviation of a drawn p is sqrt(p (1 - p) / 2000), allowed five times
    drawn = paired_test(a, b, resamples=2000)
    assert drawn.p_value == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 2000))
    assert drawn.p_value != paired_test(a, b, resamples=2000, seed=1).p_value


def test_queries_of_one_person_flip_and_are_drawn_together() -> None:
    a, b = RANDOM.random(12), RANDOM.random(12)
    pids = np.array([7, 7, 7, 3, 3, 9, 9, 9, 9, 3, 20, 20])
    found = paired_test(a, b, pids)
    sums = [float((a - b)[pids == pid].sum()) for pid in (3, 7, 9, 20)]
    assert (found.units, found.smallest_p) == (4, 0.125)
    assert found.p_value == pytest.approx(enumerated_p(sums))
    assert found.difference == pytest.approx(a.mean() - b.mean())
    counts = [3, 3, 4, 2]
    means = [sum(sums[i] for i in drawn) / sum(counts[i] for i in drawn) for drawn in itertools.product(range(4), repeat=4)]
    # 256 means of 200,000 draws: a quantile may fall on a neighbour
    low, high = paired_test(a, b, pids, resamples=200_000).low, paired_test(a, b, pids, resamples=200_000).high
    ordered = np.sort(means)
    assert ordered[4] <= low <= ordered[9]
    assert ordered[-10] <= high <= ordered[-5]


def test_clusters_of_one_change_nothing_and_copies_add_no_evidence() -> None:
    a, b = RANDOM.random(8), RANDOM.random(8)
    alone = paired_test(a, b)
    assert paired_test(a, b, np.arange(8)) == alone
    copied = paired_test(np.tile(a, 10), np.tile(b, 10), np.tile(np.arange(8), 10))
    assert copied.p_value == alone.p_value
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert paired_test(np.tile(a, 10), np.tile(b, 10)).p_value < alone.p_value  # what taking copies for evidence would claim


def test_sides_exchanged_give_the_same_p() -> None:
    a, b = RANDOM.random(30), RANDOM.random(30)
    ab, ba = paired_test(a, b), paired_test(b, a)
    assert (ab.difference, ab.p_value) == (-ba.difference, ba.p_value)
    assert (ab.low, ab.high) == pytest.approx((-ba.high, -ba.low))


def test_equal_sides_are_no_evidence_and_a_large_difference_is() -> None:
    assert paired_test(TEN, TEN).p_value == 1
    many = RANDOM.normal(size=500)
    found = paired_test(many + 1, many + RANDOM.normal(scale=0.1, size=500))
    assert found.p_value == found.smallest_p == 1 / 10_001
    assert 0.9 < found.low < 1 < found.high < 1.1


def test_few_false_alarms_where_there_is_no_difference() -> None:
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(20), 10)
    alarms = clustered = 0
    for _ in range(100):
        differences = np.repeat(random.normal(size=20), 10) + 0.3 * random.normal(size=200)
        alarms += paired_test(differences, np.zeros(200), resamples=300).p_value < 0.05
        clustered += paired_test(differences, np.zeros(200), people, resamples=300).p_value < 0.05
    assert clustered <= 12  # 5 expected, 12 exceeded by chance in one of a thousand
    assert alarms > 30


def test_one_unit_proves_nothing() -> None:
    found = paired_test([0.9, 0.8], [0.1, 0.2], [4, 4])
    assert (found.units, found.p_value) == (1, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "`values` must be a list of at least one number, got shape"),
        (([[1.0, 2.0]],), "`values` must be a list of at least one number"),
        (([1.0, math.nan, math.inf],), "`values` must be finite, but 2 of 3"),
        (([1.0, 2.0], 1.0), "`level` must be between 0 and 1"),
        (([1.0, 2.0], 95), "`level` must be between 0 and 1"),
        (([1.0, 2.0], 0.9, 0), "`resamples` must be at least 1, got 0"),
    ],
)
def test_interval_refuses(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0, 2.0]), "equally long, got 1 and 2"),
        (([], []), "`a` must be a list of at least one number"),
        (([1.0], [math.nan]), "`b` must be finite"),
        (([1.0, 2.0], [1.0, 2.0], [1]), "`clusters` must hold one label per pair"),
        (([1.0], [1.0], None, 0.0), "`level` must be"),
        (([1.0], [1.0], None, 0.9, -1), "`resamples` must be"),
    ],
)
def test_paired_test_refuses(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_test(*arguments)


@pytest.mark.parametrize("clusters", [None, np.repeat(np.arange(20), 3)])
def test_several_measures_are_tested_as_each_by_itself(clusters: Any) -> None:
    random = np.random.default_rng(2)
    a, b = random.random((60, 4)), random.random((60, 4)) + np.array([0, 0, 0.1, 0.3])
    for found, first, second in zip(paired_tests(a, b, clusters), a.T, b.T, strict=True):
        alone = paired_test(first, second, clusters)
        assert (found.p_value, found.units, found.smallest_p) == (alone.p_value, alone.units, alone.smallest_p)
        np.testing.assert_allclose([found.difference, found.low, found.high], [alone.difference, alone.low, alone.high], atol=1e-14)


@pytest.mark.parametrize(
    ("a", "b", "clusters", "message"),
    [
        ([0.1], [0.2], None, "`a` must be a table of at least one pair and measure, got shape"),
        (np.zeros((3, 0)), np.zeros((3, 0)), None, "`a` must be a table"),
        (np.zeros((3, 2)), np.zeros((3, 1)), None, "must be equally long"),
        (np.zeros((3, 2)), np.full((3, 2), np.nan), None, "`b` must be finite, but 6 of 6"),
        (np.zeros((3, 2)), np.zeros((3, 2)), [1, 2], "`clusters` must hold one label per pair"),
    ],
)
def test_tables_that_do_not_fit(a: Any, b: Any, clusters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_tests(a, b, clusters)
