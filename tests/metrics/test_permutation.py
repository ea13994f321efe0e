"""The test of two groups against scipy's and enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from vireid.metrics import permutation_test

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize(("n", "m"), [(3, 5), (4, 4), (2, 6)])
def test_small_groups_agree_with_scipys_exact_test(n: int, m: int) -> None:
    a, b = RANDOM.normal(0.5, 1, n), RANDOM.normal(0, 1, m)
    # scipy's own two-sided test doubles the smaller tail; this one counts absolute differences
    expected = scipy.stats.permutation_test(
        (a, b), lambda x, y, axis: np.abs(x.mean(axis) - y.mean(axis)), alternative="greater", n_resamples=np.inf, vectorized=True
    )
    found = permutation_test(a, b)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert found.smallest_p == pytest.approx((2 if n == m else 1) / math.comb(n + m, n))


def test_groups_apart_reach_the_smallest_p_and_equal_ones_one() -> None:
    found = permutation_test([8, 9, 10], [1, 2, 3])
    assert found.p_value == found.smallest_p == pytest.approx(2 / 20)
    assert permutation_test([1, 1], [1, 1]).p_value == 1


def test_many_numbers_are_drawn_and_the_seed_names_the_draw() -> None:
    a, b = RANDOM.normal(0.5, 1, 15), RANDOM.normal(0, 1, 15)
    exact = scipy.stats.ttest_ind(a, b).pvalue
    found = permutation_test(a, b, resamples=5000)
    assert found.p_value == pytest.approx(exact, abs=0.03)  # Monte Carlo error 0.007 at most; normal data, so the t test is close
    assert found == permutation_test(a, b, resamples=5000)
    assert found != permutation_test(a, b, resamples=5000, seed=1)
    assert permutation_test(a + 100, b, resamples=99).p_value == 0.01 == permutation_test(a + 100, b, resamples=99).smallest_p


def test_bad_groups() -> None:
    with pytest.raises(ValueError, match="lists of at least one number, got shapes"):
        permutation_test([], [1])
    with pytest.raises(ValueError, match="must be finite"):
        permutation_test([math.inf], [1])
    with pytest.raises(ValueError, match="`resamples` must be at least 1, got 0"):
        permutation_test([1], [2], resamples=0)
