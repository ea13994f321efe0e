"""Rank correlations against pairs counted one by one, scipy and enumeration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from vireid.metrics import kendall_tau_b, rank_correlation, spearman_rho, tau_deviation, top_overlap

RANDOM = np.random.default_rng(11)


def counted_tau(a: Sequence[float], b: Sequence[float]) -> float:
    """By the definition, pair by pair."""
    agree = free_a = free_b = 0
    for i, j in itertools.combinations(range(len(a)), 2):
        one, other = (a[i] > a[j]) - (a[i] < a[j]), (b[i] > b[j]) - (b[i] < b[j])
        agree, free_a, free_b = agree + one * other, free_a + abs(one), free_b + abs(other)
    return agree / math.sqrt(free_a * free_b) if free_a and free_b else math.nan


def noisy(n: int, ties: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a = RANDOM.normal(size=n)
    b = a + RANDOM.normal(size=n)
    return (np.round(a), np.round(b)) if ties else (a, b)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_both_agree_with_counting_and_with_scipy(n: int, ties: bool) -> None:
    a, b = noisy(n, ties)
    assert kendall_tau_b(a, b) == pytest.approx(counted_tau(a.tolist(), b.tolist()), abs=1e-12, nan_ok=True)
    with np.errstate(all="ignore"):
        assert kendall_tau_b(a, b) == pytest.approx(scipy.stats.kendalltau(a, b).statistic, abs=1e-12, nan_ok=True)
        if len(set(a)) > 1 and len(set(b)) > 1:
            assert spearman_rho(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic, abs=1e-12)


def test_worked_example_with_ties() -> None:
    # pairs of (1 2 2 3) and (1 3 2 3): (1,2) (1,3) (1,4) and (3,4) agree, (2,3) is tied left, (2,4) right; 4 / sqrt(5 * 5)
    assert kendall_tau_b([1, 2, 2, 3], [1, 3, 2, 3]) == pytest.approx(0.8)


def test_only_the_order_matters_and_reversing_a_side_changes_the_sign() -> None:
    a, b = noisy(12, ties=False)
    for measure in (kendall_tau_b, spearman_rho):
        assert measure(np.exp(a), 3 * b + 1) == pytest.approx(measure(a, b))
        assert measure(-a, b) == pytest.approx(-measure(a, b))
        assert measure(a, b) == pytest.approx(measure(b, a))
        assert measure(a, a) == pytest.approx(1)
        assert math.isnan(measure(a, np.ones(12)))


def test_interval_is_that_of_all_resamples_of_a_small_set() -> None:
    a, b = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    draws = [list(rows) for rows in itertools.product(range(5), repeat=5)]
    taus = np.array([counted_tau(a[rows].tolist(), b[rows].tolist()) for rows in draws])
    # the constant draws, 5 of 3125, have no correlation; neighbouring values of tau lie up to 0.2 apart, those at these ends do not
    low, high = np.nanquantile(taus, [0.025, 0.975])
    found = rank_correlation(a, b, resamples=100_000)
    assert (found.tau_low, found.tau_high) == pytest.approx((low, high), abs=0.02)
    rhos = np.array([scipy.stats.spearmanr(a[rows], b[rows]).statistic for rows in draws if len(set(rows)) > 1])
    assert (found.rho_low, found.rho_high) == pytest.approx(tuple(np.nanquantile(rhos, [0.025, 0.975])), abs=0.03)


def test_point_estimates_items_and_bound() -> None:
    a, b = noisy(20, ties=False)
    found = rank_correlation(a, b)
    assert (found.tau, found.rho, found.items) == (kendall_tau_b(a, b), spearman_rho(a, b), 20)
    assert found.tau_low <= found.tau <= found.tau_high
    assert found.bound == pytest.approx(1.96 * math.sqrt(2 * 45 / (9 * 20 * 19)))
    assert found == rank_correlation(a, b)
    assert rank_correlation(a, b, level=0.5).tau_low > found.tau_low
    assert rank_correlation(a, b, seed=1).tau_low != found.tau_low


def test_deviation_is_that_of_all_rankings() -> None:
    taus = [kendall_tau_b(range(6), order) for order in itertools.permutations(range(6))]
    assert np.std(taus) == pytest.approx(tau_deviation(6))


def test_a_constant_side_gives_no_interval() -> None:
    found = rank_correlation([1, 1, 1], [1, 2, 3], resamples=10)
    assert all(math.isnan(number) for number in (found.tau, found.tau_low, found.tau_high, found.rho, found.rho_low))


def test_overlap_of_the_best() -> None:
    assert top_overlap([5, 4, 3, 2, 1], [1, 2, 3, 4, 5], 3) == pytest.approx(1 / 3)
    assert top_overlap([5, 4, 3, 2, 1], [9, 8, 1, 2, 3], 2) == 1
    assert top_overlap([1, 1, 1], [1, 1, 1], 1) == 1


@pytest.mark.parametrize("sides", [([1], [1]), ([1, 2], [1, 2, 3]), ([[1, 2]], [[1, 2]])])
def test_lists_that_cannot_be_ranked_together(sides: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="equally long lists of at least two numbers, got shapes"):
        kendall_tau_b(*sides)


def test_numbers_out_of_range() -> None:
    with pytest.raises(ValueError, match="must be finite: leave out items without a score"):
        spearman_rho([1, math.nan], [1, 2])
    with pytest.raises(ValueError, match=r"`level` must be between 0 and 1, such as 0\.95, got 1"):
        rank_correlation([1, 2], [1, 2], level=1)
    with pytest.raises(ValueError, match="`resamples` must be at least 1, got 0"):
        rank_correlation([1, 2], [1, 2], resamples=0)
    with pytest.raises(ValueError, match="`k` must be 1 to 2, the number of items, got 3"):
        top_overlap([1, 2], [1, 2], 3)
