"""The result of a score: a number, and its parts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measured:
    """A score of a child; larger is better.

    Attributes:
        value: the score.
        people: value of each held-out person, in ascending order of identities. The order is the same for all children of a run. Empty if
            the score has no values of people.
        sites: value of each site, in the order of the space. Empty if the score has no values of sites.
        steps: number of weight steps that the score took.
        rows: number of images that it ran forward outside these steps, on one process.
    """

    value: float
    people: tuple[float, ...] = ()
    sites: tuple[float, ...] = ()
    steps: int = 0
    rows: int = 0

    @property
    def error(self) -> float:
        """Standard error of the mean over people; not a number for fewer than two."""
        return _error(np.asarray(self.people))

    def error_of_difference(self, other: Measured) -> float:
        """Standard error of the mean difference to ``other``, person by person; not a number for fewer than two people, or where one of
        the two has none, as a child that diverged."""
        if len(self.people) != len(other.people):
            return math.nan
        return _error(np.asarray(self.people) - np.asarray(other.people))


def _error(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
