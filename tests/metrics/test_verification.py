"""Pairs of images: exact whatever the parts."""

from __future__ import annotations

import numpy as np
import pytest

from vireid.metrics import PairCounts, tar_at_far

RANDOM = np.random.default_rng(8)
GENUINE = np.round(RANDOM.normal(1, 1, 200), 1)  # many ties
IMPOSTORS = np.round(RANDOM.normal(0, 1, 1000), 1)


def best(far: float) -> float:
    """By trying every threshold."""
    thresholds = np.concatenate([[-np.inf], np.unique(np.concatenate([GENUINE, IMPOSTORS]))])
    return max((t < GENUINE).mean() for t in thresholds if (t < IMPOSTORS).mean() <= far)


@pytest.mark.parametrize("far", [0, 0.001, 0.0105, 0.1, 0.5, 1])
def test_it_is_the_best_threshold(far: float) -> None:
    assert tar_at_far(GENUINE, IMPOSTORS, far) == pytest.approx(best(far), abs=1e-12)


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_parts_in_any_order_give_the_same_counts(parts: int) -> None:
    counts = PairCounts(GENUINE)
    for part in np.array_split(RANDOM.permutation(IMPOSTORS), parts):
        counts.update(part)
    np.testing.assert_array_equal(counts.above, [np.count_nonzero(score <= IMPOSTORS) for score in np.sort(GENUINE)])
    assert counts.impostors == len(IMPOSTORS)


def test_what_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="`genuine` must hold at least one score"):
        PairCounts([])
    with pytest.raises(ValueError, match="`genuine` must be a list of numbers without NaN"):
        PairCounts([np.nan])
    counts = PairCounts([1.0])
    with pytest.raises(ValueError, match="No pair of two people"):
        counts.tar(0.1)
    with pytest.raises(ValueError, match="`impostors` must be a list of numbers without NaN"):
        counts.update([[1.0]])
    with pytest.raises(ValueError, match="`far` must be 0 to 1"):
        tar_at_far([1.0], [0.5], 2)
