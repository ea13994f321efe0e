"""Intervals of shares against scipy, and design effects against cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from vireid.metrics import clopper_pearson, design_effect
from vireid.metrics.intervals import beta_distribution


@pytest.mark.parametrize("trials", [1, 7, 300, 19_000])
@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.5, 1])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_interval_is_that_of_scipy(trials: int, share: float, level: float) -> None:
    successes = round(share * trials)
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(level, method="exact")
    np.testing.assert_allclose(clopper_pearson(successes, trials, level), [expected.low, expected.high], rtol=1e-9, atol=1e-15)


def test_the_distribution_of_fractions_is_that_of_scipy() -> None:
    random = np.random.default_rng(3)
    for a, b in 10 ** random.uniform(-1, 4, (50, 2)):
        for x in random.uniform(0, 1, 5):
            # the logarithms of the gamma function cancel digits where a and b are large
            assert beta_distribution(x, a, b) == pytest.approx(scipy.stats.beta.cdf(x, a, b), rel=1e-9, abs=1e-12)


def test_a_smaller_effective_size_gives_a_wider_interval() -> None:
    low, high = clopper_pearson(10, 100)
    wide = clopper_pearson(10 / 2.5, 100 / 2.5)
    assert wide[0] < low < 0.1 < high < wide[1]


@pytest.mark.parametrize(("successes", "trials", "level"), [(-1, 5, 0.9), (6, 5, 0.9), (0, 0, 0.9), (1, np.inf, 0.9), (1, np.nan, 0.9)])
def test_impossible_counts(successes: float, trials: float, level: float) -> None:
    with pytest.raises(ValueError, match="`successes` must be 0 to `trials`"):
        clopper_pearson(successes, trials, level)


def test_impossible_levels() -> None:
    with pytest.raises(ValueError, match="`level` must be between 0 and 1"):
        clopper_pearson(1, 2, 1.0)


def test_searches_of_people_of_one_mind_count_once() -> None:
    random = np.random.default_rng(1)
    minds = random.random(4000) < 0.1
    found = design_effect(np.repeat(minds, 10), np.repeat(np.arange(4000), 10))
    assert found == pytest.approx(10, rel=1e-3)  # exactly n (K - 1)^-1 K; K people


def test_independent_searches_count_each() -> None:
    random = np.random.default_rng(2)
    effects = [design_effect(random.random(5000) < 0.1, np.repeat(np.arange(500), 10)) for _ in range(40)]
    assert 1 <= np.mean(effects) < 1.05  # 1, but for what the lower bound of 1 adds: half the mean deviation, .8 * (2 / 500) ** .5 / 2
    assert min(effects) == 1


def test_it_is_one_plus_the_correlation_times_the_other_searches() -> None:
    """Half of the people answer at random, the others by one draw: the correlation of two searches of one person is 1/2."""
    random = np.random.default_rng(4)
    people, each = 20_000, 10
    alarms = np.where(random.random((people, 1)) < 0.5, random.random((people, 1)) < 0.1, random.random((people, each)) < 0.1)
    assert design_effect(alarms.ravel(), np.repeat(np.arange(people), each)) == pytest.approx(1 + 0.5 * (each - 1), rel=0.05)


def test_if_all_agree_each_person_is_one_search() -> None:
    assert design_effect([False] * 12, np.repeat(np.arange(3), 4)) == 4
    assert design_effect([True, False], ["a", "a"]) == 2


@pytest.mark.parametrize(("events", "people"), [([], []), ([True], [1, 2])])
def test_shapes_of_a_design_effect(events: list[bool], people: list[int]) -> None:
    with pytest.raises(ValueError, match="equally long, and not empty"):
        design_effect(events, people)
