"""What an option may be: one of a list of values, or a number of a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vireid.errors import SettingsError


@dataclass(frozen=True)
class Range:
    """Numbers between two.

    Attributes:
        low, high: least and largest number.
        log: whether numbers are drawn by their logarithm.
        whole: whether they are whole.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, generator: np.random.Generator) -> float | int:
        """One number.

        Example:
            >>> Range(1, 3, whole=True).draw(np.random.default_rng(0))
            3
        """
        if self.whole and not self.log:
            return int(generator.integers(int(self.low), int(self.high) + 1))
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        ends = (math.log(low), math.log(high)) if self.log else (low, high)
        drawn = float(generator.uniform(*ends))
        drawn = min(max(math.exp(drawn) if self.log else drawn, self.low), self.high)
        return round(drawn) if self.whole else drawn

    def holds(self, value: Any) -> bool:
        """Whether it is a number of the range."""
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high


Values = Range | list[Any]


def values_of(name: str, given: Any) -> Values:
    """What is written for an option.

    Raises:
        SettingsError: it is neither a list of values nor a range.
    """
    where = f"`options.{name}`"
    if isinstance(given, list) and given:
        return given
    if not isinstance(given, Mapping) or not {"low", "high"} <= given.keys() <= {"low", "high", "log", "whole"}:
        raise SettingsError(
            f"{where} must be a list of values, or a range with `low`, `high` and optional `log` and `whole`, got {given!r}."
        )
    low, high = _number(given["low"]), _number(given["high"])
    if low is None or high is None:
        raise SettingsError(f"{where}: `low` and `high` must be numbers, got {given['low']!r} and {given['high']!r}.")
    found = Range(low, high, bool(given.get("log", False)), bool(given.get("whole", False)))
    if not (math.isfinite(found.low) and math.isfinite(found.high) and found.low < found.high) or (found.log and found.low <= 0):
        raise SettingsError(f"{where}: `low` must be less than `high`, and more than 0 with `log`, got {found.low} and {found.high}.")
    if found.whole and (found.low != int(found.low) or found.high != int(found.high)):
        raise SettingsError(f"{where}: `low` and `high` of a `whole` range must be whole, got {found.low} and {found.high}.")
    return found


def _number(value: Any) -> float | int | None:
    """A number, also as YAML gives ``1e-4``, which is a text there."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
