"""Uncertainty of a mean or of a difference of two means: bootstrap intervals and paired sign-flip tests.

Only NumPy is needed. Every result depends on the arguments alone, and the seed is one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK = 2**21
"""Random numbers drawn at once."""

Floats = NDArray[np.float64]


def bootstrap_interval(values: ArrayLike, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean.

    The interval covers only what varies between the values. The ten trials of SYSU-MM01 share the queries and the trained network.
    An interval over them is that of the **gallery draw only**, NOT of training, and it is far too narrow to tell two networks
    apart. For that, give the means of several runs with different seeds. With fewer than about ten values, the interval is also too
    narrow: for three values it never goes beyond the smallest and the largest.

    Args:
        values: ``(n,)`` finite numbers, which are treated as independent.
        level: share of the bootstrap distribution inside the interval, between 0 and 1.
        resamples: number of resampled means.
        seed: seed of the resampling.

    Returns:
        Lower and upper end of the interval; ``(nan, nan)`` for a single value, which has no spread.

    Raises:
        ValueError: ``values`` are empty, not finite or not one-dimensional, or ``level`` or ``resamples`` is out of range.

    Example:
        >>> low, high = bootstrap_interval([0.50, 0.52, 0.54, 0.56])
        >>> 0.50 <= low < 0.53 < high <= 0.56
        True

    Reference:
        Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13.
    """
    numbers = _finite("values", values)
    _check_settings(level, resamples)
    low, high = _intervals(numbers[:, None], np.ones_like(numbers), level, resamples, seed)
    return float(low[0]), float(high[0])


@dataclass(frozen=True)
class PairedTest:
    """Result of :func:`paired_test`.

    Attributes:
        difference: mean of ``a - b``.
        low, high: bootstrap interval of the difference, NaN with a single unit.
        p_value: probability of a difference at least this large, in either direction, if ``a`` and ``b`` were interchangeable
            within every unit.
        units: number of independent units: clusters, or pairs if there are no clusters.
        smallest_p: smallest p-value that is possible with so few units.
    """

    difference: float
    low: float
    high: float
    p_value: float
    units: int
    smallest_p: float


def paired_test(
    a: ArrayLike, b: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> PairedTest:
    """Sign-flip (permutation) test of the mean of ``a - b``, two-sided, with a bootstrap interval.

    Under the hypothesis that both sides are interchangeable within a pair, both signs of every difference are equally likely.
    Pairs of one cluster are flipped together and resampled together. For example, the average precisions of the queries of one
    person are not independent, and a test that treats them as independent finds differences that do not exist. All ``2**units``
    combinations of signs are tried if they are at most ``resamples``. Otherwise ``resamples`` combinations are drawn, and the observed
    one counts as one more draw, so that p is never 0.

    Args:
        a, b: ``(n,)`` finite numbers, pair by pair.
        clusters: ``(n,)`` labels, such as the identity of each query; ``None`` treats every pair as independent.
        level: share of the bootstrap distribution inside the interval, between 0 and 1.
        resamples: number of resampled means, and of drawn combinations of signs.
        seed: seed of the resampling and of the signs.

    Returns:
        Difference, interval and p-value. A single unit gives NaN for the interval and p = 1, because nothing is known.

    Raises:
        ValueError: the shapes differ, the values are empty or not finite, or ``level`` or ``resamples`` is out of range.

    Example:
        >>> paired_test([0.6, 0.7, 0.8], [0.5, 0.5, 0.5]).p_value  # two of eight: all signs as they are, or all flipped
        0.25

    Reference:
        Smucker, Allan, Carterette: A Comparison of Statistical Significance Tests for Information Retrieval Evaluation, CIKM 2007.
    """
    first, second = _finite("a", a), _finite("b", b)
    return paired_tests(first[:, None], second[:, None], clusters, level, resamples, seed)[0]


def paired_tests(
    a: ArrayLike, b: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> list[PairedTest]:
    """Run :func:`paired_test` for several measures of the same pairs. All use the same resampled units and signs, which are drawn once.

    Args:
        a, b: ``(n, M)`` finite numbers, a row per pair and a column per measure.
        clusters, level, resamples, seed: see :func:`paired_test`.

    Returns:
        One test per measure. The p-values are not corrected for the number of measures.

    Raises:
        ValueError: see :func:`paired_test`.

    Example:
        >>> tests = paired_tests([[0.6, 1], [0.7, 1], [0.8, 0]], [[0.5, 0], [0.5, 1], [0.5, 0]])
        >>> [test.p_value for test in tests]
        [0.25, 1.0]
    """
    first, second = _finite("a", a, ndim=2), _finite("b", b, ndim=2)
    if first.shape != second.shape:
        raise ValueError(f"`a` and `b` are paired and must be equally long, got {len(first)} and {len(second)}.")
    _check_settings(level, resamples)
    sums, counts = _per_cluster(first - second, clusters)
    lows, highs = _intervals(sums, counts, level, resamples, seed)
    p_values, smallest = _sign_flips(sums, resamples, seed)
    columns = zip((sums.sum(0) / counts.sum()).tolist(), lows.tolist(), highs.tolist(), p_values.tolist(), strict=True)
    return [PairedTest(*numbers, len(sums), smallest) for numbers in columns]


def _per_cluster(differences: Floats, clusters: ArrayLike | None) -> tuple[Floats, Floats]:
    """``(units, M)`` sums and ``(units,)`` numbers of the differences of every cluster."""
    if clusters is None:
        return differences, np.ones(len(differences))
    labels = np.asarray(clusters)
    if labels.shape != differences.shape[:1]:
        raise ValueError(f"`clusters` must hold one label per pair, shape {differences.shape[:1]}, got {labels.shape}.")
    _, members = np.unique(labels, return_inverse=True)
    sums = [np.bincount(members, column) for column in differences.T]
    return np.stack(sums, axis=1).astype(np.float64), np.bincount(members).astype(np.float64)


def _intervals(sums: Floats, counts: Floats, level: float, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """``(M,)`` percentiles of the means of resampled units, each of which is a row of sums over ``counts`` numbers."""
    units, measures = sums.shape
    if units == 1:
        return np.full(measures, np.nan), np.full(measures, np.nan)
    random = np.random.default_rng(seed)
    means = []
    for rows in _blocks(resamples, units):
        drawn = random.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)  # each unit in each resample
        means.append(times @ sums / (times @ counts)[:, None])
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high


def _sign_flips(sums: Floats, resamples: int, seed: int) -> tuple[Floats, float]:
    """``(M,)`` two-sided p-values of the totals, and the smallest that so many units can give."""
    units = len(sums)
    reached = np.abs(sums.sum(0)) - 1e-12 * np.abs(sums).sum(0)  # sums in another order differ in their last bits
    if 2**units <= resamples:
        signs = 1.0 - 2 * (np.arange(2**units)[:, None] >> np.arange(units) & 1)
        return (np.abs(signs @ sums) >= reached).mean(0), 2.0 ** (1 - units)
    random = np.random.default_rng(seed)
    extreme = np.ones(sums.shape[1])
    for rows in _blocks(resamples, units):
        signs = 1.0 - 2 * random.integers(2, size=(rows, units), dtype=np.int8)
        extreme += np.count_nonzero(np.abs(signs @ sums) >= reached, axis=0)
    return extreme / (resamples + 1), 1 / (resamples + 1)


def _blocks(rows: int, columns: int) -> Iterator[int]:
    """Numbers of rows that make up ``rows``, so that a block stays small."""
    step = max(1, BLOCK // columns)
    for start in range(0, rows, step):
        yield min(step, rows - start)


def _finite(name: str, values: ArrayLike, ndim: int = 1) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != ndim or numbers.size == 0:
        what = "list of at least one number" if ndim == 1 else "table of at least one pair and measure"
        raise ValueError(f"`{name}` must be a {what}, got shape {numbers.shape}.")
    bad = int(np.count_nonzero(~np.isfinite(numbers)))
    if bad:
        raise ValueError(f"`{name}` must be finite, but {bad} of {numbers.size} are NaN or infinite: leave out queries that are not valid.")
    return numbers


def _check_settings(level: float, resamples: int) -> None:
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1, such as 0.95, got {level}.")
    if resamples < 1:
        raise ValueError(f"`resamples` must be at least 1, got {resamples}.")
