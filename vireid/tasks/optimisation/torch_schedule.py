"""Learning rates by the schedulers of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.tasks.optimisation.torch_choice import Kind

SchedulerClass = Callable[[Optimizer], LRScheduler]  # a class, or a partial of one: the parser makes these of a class_path

SCHEDULERS = Kind(
    "schedule",
    "torch.optim.lr_scheduler",
    "LRScheduler",
    "vireid.tasks.Schedule",
    {
        **dict.fromkeys(["LambdaLR", "MultiplicativeLR"], "it needs a function, which no file can hold."),
        **dict.fromkeys(["ChainedScheduler", "SequentialLR"], "it needs other schedulers."),
        "ReduceLROnPlateau": "it needs a monitored value, and a schedule goes by the epoch.",
    },
)
OWN_RATES = ("CyclicLR", "OneCycleLR")


class TorchSchedule(Recorded):
    """A scheduler of ``torch.optim.lr_scheduler``, stepped at the end of every epoch; it counts epochs where torch says steps.

    In place of it, the ``schedule`` of an optimiser may be the ``class_path`` and ``init_args`` of the scheduler, and in Python its
    class or a ``functools.partial`` of it. ``CyclicLR`` and ``OneCycleLR`` bring rates of their own, in place of the optimiser's ``lr``.

    Args:
        scheduler: the class with its arguments, which must be plain values.

    Raises:
        SettingsError: no public class of that module; one that needs a function, other schedulers or a monitored value; or arguments
            that it does not take.

    Example:
        >>> from functools import partial
        >>> TorchSchedule(partial(torch.optim.lr_scheduler.StepLR, step_size=30)).settings()["init_args"]["scheduler"]
        {'class_path': 'torch.optim.lr_scheduler.StepLR', 'init_args': {'step_size': 30}}
    """

    length = 0  # any run will do: what is left of the schedule when it ends is not judged

    def __init__(self, scheduler: SchedulerClass) -> None:
        self.choice = SCHEDULERS.choice(scheduler, _sample())
        self.record(scheduler=self.choice)

    @property
    def sets_rates(self) -> bool:
        """Whether the scheduler brings rates of its own, the same for all parts."""
        return self.choice.cls.__name__ in OWN_RATES

    def scheduler(self, optimizer: Optimizer, epochs: int) -> LRScheduler:
        """The scheduler of ``optimizer`` in a run of ``epochs`` epochs.

        Raises:
            SettingsError: it does not go with ``optimizer``, or it ends before the run.
        """
        sample = _sample()
        trial = self.choice(sample)
        try:
            for _ in range(epochs):
                sample.step()
                trial.step()
        except ValueError as error:
            raise SettingsError(f"{self.choice.path} ends before `trainer.max_epochs`, {epochs}: {error}") from error
        made: LRScheduler = self.choice(optimizer)
        return made


def _sample() -> Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0, 0.9)


def as_schedule(schedule: Any) -> Any:
    """``schedule`` itself, or the :class:`TorchSchedule` of a class or partial."""
    return TorchSchedule(schedule) if callable(schedule) and not isinstance(schedule, Recorded) else schedule
