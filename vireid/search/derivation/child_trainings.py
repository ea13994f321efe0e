"""What happens to a child before it is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod

from vireid.errors import SettingsError
from vireid.settings import Recorded


class ChildTraining(Recorded, ABC):
    """From which weights a child begins, and how many weight steps it takes before it is scored.

    A child that is good inside the supernet need not be good when it is trained by itself. A short training of its own shows the
    difference, and costs its steps.

    Attributes:
        from_start: whether to begin at the initial weights of the search instead of the supernet's.
    """

    from_start: bool = False

    @abstractmethod
    def steps_of(self, whole: int) -> int:
        """Number of weight steps, where a whole training has ``whole`` of them."""


class ShortTraining(ChildTraining):
    """A fixed number of weight steps on a child before it is scored.

    Args:
        steps: number of weight steps, at least 1.
        from_start: begin at the initial weights of the search instead of the supernet's.

    Raises:
        SettingsError: ``steps`` below 1.
    """

    def __init__(self, steps: int, from_start: bool = False) -> None:
        if steps < 1:
            raise SettingsError(f"`steps` of ShortTraining must be at least 1, got {steps}. Leave `training` out for no training.")
        self.steps, self.from_start = steps, from_start

    def steps_of(self, whole: int) -> int:  # noqa: ARG002 (interface)
        return self.steps


class Fork(ChildTraining):
    """A short training of a child from the initial weights of the search, by a fraction of the steps of a whole training.

    All children see the same batches in the same order and the same noise (common random numbers). So the noise of a single training
    hardly enters the difference between two children. The schedule of the learning rate is as long as the fork.

    Args:
        fraction: length as a fraction of a whole training, which has ``trainer.max_epochs`` epochs; above 0, at most 1. At least one
            step is taken.

    Raises:
        SettingsError: ``fraction`` out of range.
    """

    from_start = True

    def __init__(self, fraction: float = 0.25) -> None:
        if not 0 < fraction <= 1:
            raise SettingsError(f"`fraction` of Fork must be above 0 and at most 1, got {fraction}: a fork of 0 steps has learnt nothing.")
        self.fraction = fraction

    def steps_of(self, whole: int) -> int:
        return max(1, round(self.fraction * whole))


class InitialWeights(ChildTraining):
    """No weight step: a child is scored with the initial weights of the search, not with those that the supernet has learnt."""

    from_start = True

    def steps_of(self, whole: int) -> int:  # noqa: ARG002 (interface)
        return 0
