"""Test of whether two groups of unpaired numbers differ by more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class GroupTest:
    """Result of :func:`permutation_test`.

    Attributes:
        difference: mean of ``a`` minus mean of ``b``.
        p_value: share of the divisions into groups of these sizes with a difference at least this large, in either direction.
        smallest_p: smallest p-value that is possible with so few numbers.
    """

    difference: float
    p_value: float
    smallest_p: float


def permutation_test(a: ArrayLike, b: ArrayLike, resamples: int = 10_000, seed: int = 0) -> GroupTest:
    """Permutation test of the difference of two means, two-sided.

    If the numbers of both groups come from one distribution, all divisions of them into groups of these sizes are equally likely. All
    divisions are tried if their number is at most ``resamples``. Otherwise ``resamples`` divisions are drawn, and the observed one
    counts as one more.

    Args:
        a, b: ``(n,)`` and ``(m,)`` finite numbers, independent of one another, such as the mean mAP of each genotype of a group.
        resamples: number of drawn divisions.
        seed: seed of the drawing.

    Raises:
        ValueError: a side is empty, a number is not finite, or ``resamples`` is out of range.

    Example:
        >>> permutation_test([0.8, 0.9], [0.1, 0.2, 0.3]).p_value  # 1 of 10 divisions
        0.1

    Reference:
        Good: Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005, section 3.2.
    """
    first, second = (np.asarray(side, dtype=np.float64) for side in (a, b))
    if first.ndim != 1 or second.ndim != 1 or not (len(first) and len(second)):
        raise ValueError(f"`a` and `b` must be lists of at least one number, got shapes {first.shape} and {second.shape}.")
    pooled = np.concatenate([first, second])
    if not np.isfinite(pooled).all():
        raise ValueError("`a` and `b` must be finite.")
    if resamples < 1:
        raise ValueError(f"`resamples` must be at least 1, got {resamples}.")
    size, total = len(first), len(pooled)
    exact = math.comb(total, size) <= resamples
    rows = _all_rows(total, size) if exact else _drawn_rows(total, size, resamples, seed)
    sums = pooled[rows].sum(1)
    differences = np.abs(sums / size - (pooled.sum() - sums) / (total - size))
    observed = float(first.mean() - second.mean())
    extreme = int(
        np.count_nonzero(differences >= abs(observed) - 1e-12 * np.abs(pooled).sum())
    )  # sums in another order differ in last bits
    if not exact:
        return GroupTest(observed, (extreme + 1) / (resamples + 1), 1 / (resamples + 1))
    mirrored = 2 if len(first) == len(second) else 1  # exchanging groups of one size gives the same difference
    return GroupTest(observed, extreme / len(rows), mirrored / len(rows))


def _all_rows(total: int, size: int) -> NDArray[np.int64]:
    return np.array(list(combinations(range(total), size)), dtype=np.int64)


def _drawn_rows(total: int, size: int, resamples: int, seed: int) -> NDArray[np.int64]:
    order = np.random.default_rng(seed).random((resamples, total)).argsort(1)
    return order[:, :size]
