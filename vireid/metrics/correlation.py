"""Agreement of two rankings: Kendall's tau-b and Spearman's rho with bootstrap intervals. Only NumPy is needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Result of :func:`rank_correlation`.

    Attributes:
        tau: Kendall's tau-b, in [-1, 1]; NaN if one side holds equal numbers only.
        tau_low, tau_high: bootstrap interval of tau.
        rho: Spearman's rho, in [-1, 1]; NaN if one side holds equal numbers only.
        rho_low, rho_high: bootstrap interval of rho.
        items: number of ranked items.
        sigma: standard deviation of tau between independent rankings without ties, see :func:`tau_deviation`.
    """

    tau: float
    tau_low: float
    tau_high: float
    rho: float
    rho_low: float
    rho_high: float
    items: int
    sigma: float

    @property
    def bound(self) -> float:
        """Absolute value of tau that independent rankings exceed in about 5 % of cases: 1.96 ``sigma``."""
        return 1.96 * self.sigma


def kendall_tau_b(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's tau-b: concordant minus discordant pairs, divided by the geometric mean of the numbers of untied pairs of both sides.

    Args:
        a, b: ``(n,)`` finite numbers, n at least 2.

    Returns:
        A number from -1 to 1; NaN if a side holds equal numbers only.

    Raises:
        ValueError: there are fewer than two items, the lengths differ, or a number is not finite.

    Example:
        >>> kendall_tau_b([1, 2, 3, 4], [1, 3, 2, 4])  # 5 of 6 pairs in the same order
        0.6666666666666666

    Reference:
        Kendall: The treatment of ties in ranking problems, Biometrika 1945.
    """
    first, second = _pair(a, b)
    return float(_taus(first, second, np.ones((1, len(first))))[0])


def spearman_rho(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rho: the correlation of the ranks. Equal numbers get their mean rank.

    Args:
        a, b: ``(n,)`` finite numbers, n at least 2.

    Returns:
        A number from -1 to 1; NaN if a side holds equal numbers only.

    Raises:
        ValueError: as for :func:`kendall_tau_b`.

    Example:
        >>> round(spearman_rho([1, 2, 3, 4], [1, 3, 2, 4]), 6)
        0.8
    """
    first, second = _pair(a, b)
    return float(_rhos(first, second, np.ones((1, len(first))))[0])


def tau_deviation(items: int) -> float:
    """Standard deviation of tau between independent rankings of ``items`` things without ties.

    Example:
        >>> round(tau_deviation(20), 2)
        0.16
    """
    return math.sqrt(2 * (2 * items + 5) / (9 * items * (items - 1)))


def rank_correlation(a: ArrayLike, b: ArrayLike, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> RankCorrelation:
    """Kendall's tau-b and Spearman's rho with percentile bootstrap intervals over the items.

    An item that is drawn twice is tied with itself on both sides; such pairs do not count for tau-b. A resample in which one side is
    constant defines no correlation, and is left out of the interval.

    Args:
        a, b: ``(n,)`` finite numbers, item by item, n at least 2.
        level: share of the bootstrap distribution inside the interval, between 0 and 1.
        resamples: number of resampled sets of items.
        seed: seed of the resampling.

    Raises:
        ValueError: as for :func:`kendall_tau_b`, or ``level`` or ``resamples`` is out of range.

    Example:
        >>> found = rank_correlation([1, 2, 3, 4, 5], [2, 1, 3, 5, 4])
        >>> round(found.tau, 6), found.tau_low <= found.tau <= found.tau_high
        (0.6, True)
    """
    first, second = _pair(a, b)
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1, such as 0.95, got {level}.")
    if resamples < 1:
        raise ValueError(f"`resamples` must be at least 1, got {resamples}.")
    items = len(first)
    counts = np.random.default_rng(seed).multinomial(items, np.full(items, 1 / items), size=resamples).astype(np.float64)
    tau, rho = (
        (float(measure(first, second, np.ones((1, items)))[0]), *_ends(measure, first, second, counts, level)) for measure in (_taus, _rhos)
    )
    return RankCorrelation(*tau, *rho, items=items, sigma=tau_deviation(items))


def top_overlap(a: ArrayLike, b: ArrayLike, k: int) -> float:
    """Share of the ``k`` largest of ``a`` that are among the ``k`` largest of ``b``; among equal numbers, the first counts as larger.

    Raises:
        ValueError: as for :func:`kendall_tau_b`, or ``k`` is out of range.

    Example:
        >>> top_overlap([4, 3, 2, 1], [4, 1, 3, 2], k=2)
        0.5
    """
    first, second = _pair(a, b)
    if not 1 <= k <= len(first):
        raise ValueError(f"`k` must be 1 to {len(first)}, the number of items, got {k}.")
    tops = (set(np.argsort(-side, kind="stable")[:k].tolist()) for side in (first, second))
    return len(set.intersection(*tops)) / k


def _taus(a: Floats, b: Floats, counts: Floats) -> Floats:
    """Tau-b of every row of ``counts`` (R, n), which says how often each item was drawn."""
    orders = [np.sign(side[:, None] - side[None, :]) for side in (a, b)]
    agreement, *untied = (((counts @ pairs) * counts).sum(1) for pairs in (orders[0] * orders[1], np.abs(orders[0]), np.abs(orders[1])))
    return _quotient(agreement, np.sqrt(untied[0] * untied[1]))


def _rhos(a: Floats, b: Floats, counts: Floats) -> Floats:
    """Spearman's rho of every row of ``counts`` (R, n)."""
    total = counts.sum(1, keepdims=True)
    centred = []
    for side in (a, b):
        below, equal = (side[:, None] < side[None, :]).astype(np.float64), (side[:, None] == side[None, :]).astype(np.float64)
        centred.append(counts @ below + (counts @ equal + 1) / 2 - (total + 1) / 2)  # the mean rank is (n + 1) / 2, whatever is tied
    product, *squares = ((counts * one * other).sum(1) for one, other in (centred, centred[:1] * 2, centred[1:] * 2))
    return _quotient(product, np.sqrt(squares[0] * squares[1]))


def _quotient(numerator: Floats, denominator: Floats) -> Floats:
    found = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=found, where=denominator > 0)


def _ends(measure: Callable[[Floats, Floats, Floats], Floats], a: Floats, b: Floats, counts: Floats, level: float) -> tuple[float, float]:
    values = measure(a, b, counts)
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise ValueError(f"`a` and `b` must be equally long lists of at least two numbers, got shapes {first.shape} and {second.shape}.")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("`a` and `b` must be finite: leave out items without a score.")
    return first, second
