"""Verification: how many pairs of images of one person are accepted when few pairs of two people are. Only NumPy is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


class PairCounts:
    """Counts, exactly and in any number of parts, the pairs of two people that score as high as each pair of one person.

    The scores of the pairs of one person are kept, which are few. Those of two people are counted and dropped. Counts of parts may be
    added in any order.

    Args:
        genuine: ``(n,)`` scores of pairs of one person; larger is closer.

    Attributes:
        genuine: ``(n,)`` ascending.
        impostors: number of pairs of two people so far.
        above: ``(n,)`` how many of them score at least as high as each pair of one person.

    Raises:
        ValueError: there is no pair, or a score is NaN.

    Example:
        >>> pairs = PairCounts([0.9, 0.5])
        >>> pairs.update([0.1, 0.2, 0.6, 0.3])
        >>> pairs.tar(0.01), pairs.tar(0.25)
        (0.5, 1.0)
    """

    def __init__(self, genuine: ArrayLike) -> None:
        self.genuine = np.sort(_scores("genuine", genuine))
        if not len(self.genuine):
            raise ValueError("`genuine` must hold at least one score.")
        self.impostors = 0
        self.above: NDArray[np.int64] = np.zeros(len(self.genuine), np.int64)

    def update(self, impostors: ArrayLike) -> None:
        """Count ``(m,)`` scores of pairs of two people.

        Raises:
            ValueError: a score is NaN.
        """
        scores = _scores("impostors", impostors)
        reached = np.bincount(np.searchsorted(self.genuine, scores, side="right"), minlength=len(self.genuine) + 1)
        self.above += reached[::-1].cumsum()[::-1][1:]  # a score that reaches the i-th pair reaches all before it
        self.impostors += len(scores)

    def tar(self, far: float) -> float:
        """True accept rate: largest share of pairs of one person that a threshold accepts while it accepts at most the share ``far`` of
        the pairs of two people.

        Args:
            far: false accept rate, 0 to 1.

        Raises:
            ValueError: ``far`` is out of range, or there was no pair of two people.
        """
        if not 0 <= far <= 1:
            raise ValueError(f"`far` must be 0 to 1, got {far}.")
        if not self.impostors:
            raise ValueError("No pair of two people was counted; call `update` first.")
        return float(np.mean(self.above <= far * self.impostors))


def tar_at_far(genuine: ArrayLike, impostors: ArrayLike, far: float) -> float:
    """True accept rate at a false accept rate, over pairs of images. Unlike FPIR and FNIR, it does not depend on the size of a gallery.

    Args:
        genuine: ``(n,)`` scores of pairs of one person; larger is closer.
        impostors: ``(m,)`` scores of pairs of two people.
        far: largest share of the pairs of two people that may be accepted.

    Returns:
        Share of the pairs of one person that the best threshold then accepts.

    Raises:
        ValueError: there are no pairs, a score is NaN, or ``far`` is not 0 to 1.

    Example:
        >>> tar_at_far([0.9, 0.5], [0.1, 0.2, 0.6, 0.3], far=0.25)
        1.0
    """
    counts = PairCounts(genuine)
    counts.update(impostors)
    return counts.tar(far)


def _scores(name: str, values: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError(f"`{name}` must be a list of numbers without NaN, got shape {scores.shape}.")
    return scores
