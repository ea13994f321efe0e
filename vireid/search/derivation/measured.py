"""What a score gives: a number, and what it consists of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measured:
    """A score of a child; larger is better.

    Attributes:
        value: the score.
        people: what each held-out person has by itself, in the ascending order of identities, which is the same for all children of a
            run; empty where a score is not of people.
        sites: what each site has, in the order of the space; empty where a score is not of sites.
        steps: weight steps that it took.
        rows: images that it ran forward beside them, on one process.
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
        """Standard error of the mean difference to ``other``, person by person; not a number for fewer than two people.

        Raises:
            ValueError: the two are not of the same people.
        """
        return _error(np.asarray(self.people) - np.asarray(other.people))


def _error(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
