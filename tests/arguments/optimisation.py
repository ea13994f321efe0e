"""Arguments of optimisers, schedulers of torch and EMA: learning rates and weights of a few steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tests.arguments.table import Change, Refused, Table
from vireid.tasks import EMA, SGD, Adam, AdamW, Exponential, OptimizerSettings, TorchOptimizer, TorchSchedule

EPOCHS = 3
PERIODS = {"schedule": Change(Exponential()), "lr_factors": Change({"trunk": 0.1}), "gradient_clip_val": Change(0.1)}


def observe(settings: OptimizerSettings) -> list[Any]:
    """Rates and weights of three epochs of one step, by a gradient that shrinks and changes its sign."""
    weights = {name: nn.Parameter(torch.tensor([1.0, -2.0])) for name in ("trunk", "classifier")}
    optimizer = settings.build({name: [weight] for name, weight in weights.items()})
    scheduler = settings.scheduler(optimizer, EPOCHS)
    seen = []
    for gradient in ([3.0, 1.0], [0.0, -2.0], [0.5, 0.1]):
        for weight in weights.values():
            weight.grad = torch.tensor(gradient)
        optimizer.step()
        seen.append(
            [(group["lr"], weight.detach().clone()) for group, weight in zip(optimizer.param_groups, weights.values(), strict=True)]
        )
        if scheduler is not None:
            scheduler.step()
    return seen


def observe_schedule(schedule: TorchSchedule) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = schedule.scheduler(optimizer, EPOCHS), []
    for _ in range(EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def observe_ema(ema: EMA) -> list[Any]:
    """The weight that is evaluated and the average after one step, and the epochs that begin with a pull-back."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    ema.register(module)
    nn.init.zeros_(module.weight)
    ema.update(module)
    with ema.evaluated(module):
        evaluated: Tensor = module.weight.detach().clone()
    return [evaluated, ema.shadow, [ema.pulls_back(epoch) for epoch in range(6)]]


FUSED = Refused(True, match="so they cannot be clipped", given={"gradient_clip_val": 1.0})


def table(cls: Callable[..., OptimizerSettings], **others: Any) -> Table:
    return Table(cls, observe, {"lr": Change(0.5), **PERIODS, "fused": FUSED, **{name: Change(value) for name, value in others.items()}})


STEP = torch.optim.lr_scheduler.StepLR
TABLES = [
    table(Adam, betas=(0.1, 0.2), eps=0.1, weight_decay=0.1, amsgrad=True),
    table(AdamW, betas=(0.1, 0.2), eps=0.1, weight_decay=0.1),
    table(SGD, momentum=0.5, nesterov=False, weight_decay=0.1),
    Table(
        TorchOptimizer,
        observe,
        {"optimizer": Change(partial(torch.optim.NAdam, lr=0.5)), **PERIODS},
        {"optimizer": partial(torch.optim.RMSprop, lr=0.1)},
    ),
    Table(TorchSchedule, observe_schedule, {"scheduler": Change(partial(STEP, step_size=2))}, {"scheduler": partial(STEP, step_size=1)}),
    Table(EMA, observe_ema, {"decay": Change(0.5), "mode": Change("average"), "pull_back_every": Change(3)}),
]
