"""Which settings of a task are functions of the length of the run, found by asking them for both lengths."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from vireid.errors import VireidError
from vireid.settings import class_path
from vireid.tasks.base import ReIDModule
from vireid.tasks.optimisation.optimisers import OptimizerSettings
from vireid.tasks.optimisation.schedules import Schedule
from vireid.tasks.search.module import SearchModule
from vireid.tasks.search.penalties import Penalty
from vireid.tasks.search.strategies import Strategy
from vireid.tasks.search.temperature import Temperature


def over_the_run(task: ReIDModule, before: int, after: int, begun: int) -> list[str]:
    """Settings by whose numbers the epochs that a run has begun differ from those of a longer run.

    Args:
        task: not yet trained with the new length.
        before, after: lengths in epochs; -1 for one without end.
        begun: epochs that have begun.

    Returns:
        Names with classes, such as ``model.optimizer.schedule (WarmupCosine)``.
    """
    optimizer = getattr(task, "optimizer", None)
    lengths, epochs = (before, after), range(begun)
    found = list(_schedule("model.optimizer", optimizer, lengths, epochs)) if isinstance(optimizer, OptimizerSettings) else []
    return [*found, *(_strategy(task, task.strategy, lengths, epochs) if isinstance(task, SearchModule) else ())]


def _schedule(name: str, optimizer: OptimizerSettings | None, lengths: tuple[int, int], epochs: range) -> Iterator[str]:
    schedule = optimizer.schedule if optimizer is not None else None
    if isinstance(schedule, Schedule) and _factors(schedule, lengths[0], epochs) != _factors(schedule, lengths[1], epochs):
        yield _named(f"{name}.schedule", schedule)


def _factors(schedule: Schedule, length: int, epochs: range) -> list[float] | None:
    try:
        bound = schedule.over(length)
        return [bound(epoch) for epoch in epochs]
    except VireidError:  # it needs a number of epochs
        return None


def _strategy(search: SearchModule, strategy: Strategy, lengths: tuple[int, int], epochs: range) -> Iterator[str]:
    yield from _schedule("model.strategy.architecture_optimizer", strategy.logits_optimizer(), lengths, epochs)
    warmup = strategy.warmup_epochs  # temperatures and penalties count from its end
    steps, (before, after) = [epoch - warmup for epoch in epochs], (length - warmup for length in lengths)
    for name, value in vars(strategy).items():
        if isinstance(value, Temperature) and any(value(step, before) != value(step, after) for step in steps):
            yield _named(f"model.strategy.{name}", value)
    for penalty in strategy.modules():
        if isinstance(penalty, Penalty) and _terms(search, penalty, steps, before) != _terms(search, penalty, steps, after):
            yield _named("model.strategy.penalties", penalty)
    if not class_path(type(strategy)).startswith("vireid."):  # it may ask for the length in its steps
        yield _named("model.strategy", strategy)


def _terms(search: SearchModule, penalty: Penalty, steps: list[int], length: int) -> list[float]:
    with torch.no_grad():
        return [float(penalty(search.architecture, step, length)) for step in steps if step >= 0]


def _named(name: str, value: object) -> str:
    return f"{name} ({type(value).__name__})"
