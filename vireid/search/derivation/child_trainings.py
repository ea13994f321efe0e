"""What happens to a child before it is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod

from vireid.errors import SettingsError
from vireid.settings import Recorded


class ChildTraining(Recorded, ABC):
    """From which weights a child is scored, and after how many weight steps of its own.

    What a supernet rewards need not be what a network that is trained by itself rewards. A training of its own shows that at its price.

    Attributes:
        from_start: begin at the initial weights of the search instead of the supernet's.
    """

    from_start: bool = False

    @abstractmethod
    def steps_of(self, whole: int) -> int:
        """Weight steps, where a whole training has ``whole``."""


class ShortTraining(ChildTraining):
    """A fixed number of weight steps on a child before it is scored.

    Args:
        steps: weight steps, at least 1.
        from_start: begin at the initial weights of the search instead of the supernet's.

    Raises:
        SettingsError: fewer steps.
    """

    def __init__(self, steps: int, from_start: bool = False) -> None:
        if steps < 1:
            raise SettingsError(f"`steps` of ShortTraining must be at least 1, got {steps}. Leave `training` out for no training.")
        self.steps, self.from_start = steps, from_start

    def steps_of(self, whole: int) -> int:  # noqa: ARG002 (interface)
        return self.steps


class Fork(ChildTraining):
    """The beginning of a child's own training: a part of the weight steps, from the initial weights of the search.

    All children see the same batches in the same order and the same noise (common random numbers), so their differences are small beside
    the noise of a single training. The schedule of the rate is as long as the fork.

    Args:
        fraction: of a whole training, which has ``trainer.max_epochs`` epochs; above 0, at most 1. At least one step is taken.

    Raises:
        SettingsError: another fraction.
    """

    from_start = True

    def __init__(self, fraction: float = 0.25) -> None:
        if not 0 < fraction <= 1:
            raise SettingsError(f"`fraction` of Fork must be above 0 and at most 1, got {fraction}: a fork of 0 steps has learnt nothing.")
        self.fraction = fraction

    def steps_of(self, whole: int) -> int:
        return max(1, round(self.fraction * whole))


class InitialWeights(ChildTraining):
    """No weight step: a child is scored with the initial weights of the search, whatever the supernet has learnt since."""

    from_start = True

    def steps_of(self, whole: int) -> int:  # noqa: ARG002 (interface)
        return 0
