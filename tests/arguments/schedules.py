"""Arguments of schedules: the factors of a run of a hundred epochs."""

from __future__ import annotations

from tests.arguments.table import Change, Table
from vireid.tasks import Constant, Exponential, LinearWarmup, Schedule, WarmupCosine, WarmupMultiStep


def observe(schedule: Schedule) -> tuple[list[float], int]:
    run = schedule.over(100)
    return [run(epoch) for epoch in range(100)], schedule.length


TABLES = [
    Table(Constant, observe, {}),
    Table(Exponential, observe, {"gamma": Change(0.5)}),
    Table(WarmupCosine, observe, {"epochs": Change(50), "warmup_epochs": Change(5), "floor": Change(0.1)}),
    Table(
        WarmupMultiStep,
        observe,
        {"milestones": Change((20, 30)), "gamma": Change(0.5), "warmup_epochs": Change(5), "warmup_factor": Change(0.5)},
    ),
    Table(
        LinearWarmup,
        observe,
        {"after": Change(Exponential()), "warmup_epochs": Change(5), "factor": Change(0.5)},
        {"after": Constant()},
    ),
]
