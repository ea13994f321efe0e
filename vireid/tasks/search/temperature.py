"""Temperatures of relaxations as pure functions of the epoch, so that a resumed run needs no saved state of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from vireid.errors import SettingsError
from vireid.settings import Recorded


class Temperature(Recorded, ABC):
    """The temperature of a relaxation in every epoch. Derive from it to bring your own."""

    @abstractmethod
    def __call__(self, step: int, steps: int) -> float:
        """Temperature of an epoch.

        Args:
            step: number of the epoch among those with architecture steps, from 0; below 0 in the warm-up.
            steps: number of epochs with architecture steps.
        """


class Geometric(Temperature):
    """The same factor in every epoch, from ``start`` in the first epoch with architecture steps to ``end`` in the last.

    Args:
        start: temperature of the warm-up and of the first epoch, above 0.
        end: temperature of the last epoch, above 0.

    Raises:
        SettingsError: a number that is not positive and finite.
    """

    def __init__(self, start: float = 5.0, end: float = 0.5) -> None:
        check_positive("Geometric", start=start, end=end)
        self.start, self.end = start, end

    def __call__(self, step: int, steps: int) -> float:
        return geometric(self.start, self.end, step, steps)


class Linear(Temperature):
    """The same difference in every epoch, from ``start`` in the first epoch with architecture steps to ``end`` in the last.

    Args:
        start: temperature of the warm-up and of the first epoch, above 0.
        end: temperature of the last epoch, above 0.

    Raises:
        SettingsError: a number that is not positive and finite.

    Reference:
        GDAS (Dong, Yang, CVPR 2019), public code: from 10 to 0.1.
    """

    def __init__(self, start: float = 10.0, end: float = 0.1) -> None:
        check_positive("Linear", start=start, end=end)
        self.start, self.end = start, end

    def __call__(self, step: int, steps: int) -> float:
        return linear(self.start, self.end, step, steps)


class Stepped(Temperature):
    """Is multiplied by ``factor`` after every ``every`` epochs, down to ``end``. The length of the run does not matter.

    Args:
        start: temperature of the warm-up and of the first epoch, above 0.
        end: lowest temperature, above 0 and at most ``start``.
        every: epochs with architecture steps between two falls, at least 1.
        factor: factor on the temperature at every fall, in (0, 1].

    Raises:
        SettingsError: a number out of range.

    Reference:
        OSNet-AIN (Zhou et al., TPAMI 2021), public search code; the defaults are its numbers.
    """

    def __init__(self, start: float = 10.0, end: float = 1.0, every: int = 20, factor: float = 0.5) -> None:
        check_positive("Stepped", start=start, end=end)
        if end > start:
            raise SettingsError(f"The temperature of Stepped falls, but `end` is above `start`: {end} and {start}. Exchange them.")
        if every < 1:
            raise SettingsError(f"`every` of Stepped must be at least 1 epoch, got {every}.")
        if not 0 < factor <= 1:
            raise SettingsError(f"`factor` of Stepped must be above 0 and at most 1, got {factor}.")
        self.start = start
        self.end = end
        self.every = every
        self.factor = factor

    def __call__(self, step: int, steps: int) -> float:  # noqa: ARG002 (interface)
        return stepped(self.start, self.end, step, self.every, self.factor)


class Fixed(Temperature):
    """The same temperature in every epoch.

    Args:
        value: temperature of every epoch, above 0.

    Raises:
        SettingsError: a number that is not positive and finite.
    """

    def __init__(self, value: float = 1.0) -> None:
        check_positive("Fixed", value=value)
        self.value = value

    def __call__(self, step: int, steps: int) -> float:  # noqa: ARG002 (interface)
        return self.value


def check_positive(owner: str, **numbers: float) -> None:
    """Refuse numbers that are not positive and finite.

    Raises:
        SettingsError: naming the argument.
    """
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise SettingsError(f"`{name}` of {owner} must be a positive, finite number, got {value}.")


def geometric(start: float, end: float, step: int, steps: int) -> float:
    """Value at ``step`` of a geometric run from ``start`` (step 0) to ``end`` (step ``steps - 1`` and after).

    Example:
        >>> geometric(5.0, 0.5, 0, 50), round(geometric(5.0, 0.5, 49, 50), 9), geometric(5.0, 0.5, -3, 50)
        (5.0, 0.5, 5.0)
    """
    if steps <= 1:
        return end if step >= 0 and steps == 1 else start
    position = min(max(step, 0), steps - 1) / (steps - 1)
    return float(start * (end / start) ** position)


def linear(start: float, end: float, step: int, steps: int) -> float:
    """Value at ``step`` of a straight line from ``start`` (step 0) to ``end`` (step ``steps - 1`` and after).

    Example:
        >>> [linear(10.0, 0.0, step, 5) for step in (-1, 0, 1, 4, 9)]
        [10.0, 10.0, 7.5, 0.0, 0.0]

    Reference:
        GDAS (Dong, Yang, CVPR 2019), public code: the temperature, from 10 to 0.1.
    """
    if steps <= 1:
        return end if step >= 0 and steps == 1 else start
    return start + (end - start) * min(max(step, 0), steps - 1) / (steps - 1)


def stepped(start: float, floor: float, step: int, every: int, factor: float) -> float:
    """``max(floor, start * factor ** (step // every))``; ``start`` before step 0.

    Example:
        >>> [stepped(10.0, 1.0, step, 20, 0.5) for step in (-1, 0, 19, 20, 40, 60, 80, 200)]
        [10.0, 10.0, 10.0, 5.0, 2.5, 1.25, 1.0, 1.0]

    Reference:
        OSNet-AIN (Zhou et al., TPAMI 2021), public search code.
    """
    return float(max(floor, start * factor ** (max(step, 0) // every)))
