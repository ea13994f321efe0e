"""Exact interval of a share, and how much less repeated searches of the same people say than independent ones. Only NumPy is needed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

HALVINGS = 200  # of [0, 1]: more than a float64 can tell apart, also close to 0
TINY = 1e-300


def clopper_pearson(successes: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share that covers the true one with at least the probability ``level``, however small the counts.

    Args:
        successes: number of successes, 0 to ``trials``; a fraction if ``trials`` is an effective sample size.
        trials: number of independent trials, more than 0.
        level: probability between 0 and 1.

    Raises:
        ValueError: a number is out of range.

    Example:
        >>> low, high = clopper_pearson(0, 30)
        >>> low, round(high, 4)
        (0.0, 0.1157)

    Reference:
        Clopper, Pearson: The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial, Biometrika 1934; at an effective
        size: Korn, Graubard: Confidence Intervals for Proportions with Small Expected Number of Positive Counts, Survey Methodology 1998.
    """
    if not (trials > 0 and 0 <= successes <= trials and math.isfinite(trials)):
        raise ValueError(f"`successes` must be 0 to `trials`, and `trials` more than 0, got {successes} of {trials}.")
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1, such as 0.95, got {level}.")
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else beta_quantile(tail, successes, trials - successes + 1)
    high = 1.0 if successes == trials else beta_quantile(1 - tail, successes + 1, trials - successes)
    return low, high


def design_effect(events: ArrayLike, clusters: ArrayLike) -> float:
    """How many times more searches it takes, because those of one person resemble one another, to know a share as well.

    It is the variance of the share when people are drawn, divided by the variance if all searches were independent; at least 1. The
    effective sample size is the number of searches divided by it. If all searches agree, nothing is known about the people, and the
    number of searches of the average person is returned: each person then counts as one search.

    Args:
        events: ``(n,)`` bool, for instance whether each search was a false alarm.
        clusters: ``(n,)`` labels of the people.

    Raises:
        ValueError: the shapes differ or are empty.

    Example:
        >>> design_effect([True, True, False, False], ["a", "a", "b", "b"])  # two people, each of one mind
        4.0

    Reference:
        Kish: Survey Sampling, 1965, section 5.4 (variance of a ratio over clusters).
    """
    happened = np.asarray(events, dtype=bool)
    labels = np.asarray(clusters)
    if happened.ndim != 1 or len(happened) == 0 or labels.shape != happened.shape:
        raise ValueError(f"`events` and `clusters` must be equally long, and not empty, got {happened.shape} and {labels.shape}.")
    _, members = np.unique(labels, return_inverse=True)
    sizes = np.bincount(members)
    total, people = len(happened), len(sizes)
    share = float(happened.mean())
    if people == 1 or share in (0.0, 1.0):
        return total / people
    residuals = np.bincount(members, happened) - share * sizes
    variance = people / (people - 1) * float(np.square(residuals).sum()) / total**2
    return max(1.0, variance / (share * (1 - share) / total))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Where the distribution function of Beta(``a``, ``b``) has the given value; by bisection."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if beta_distribution(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_distribution(x: float, a: float, b: float) -> float:
    """Distribution function of Beta(``a``, ``b``) at ``x``, by its continued fraction.

    Reference:
        Press et al.: Numerical Recipes, section 6.4 (Lentz's method).
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - beta_distribution(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _not_zero(1 + numerator * d)
            c = _not_zero(1 + numerator / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
