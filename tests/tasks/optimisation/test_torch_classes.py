"""Optimisers and schedulers of torch: which may be chosen, how, and that they are torch's own."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentError, ArgumentParser
from torch import nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from vireid import RetrainModule
from vireid.errors import SettingsError
from vireid.search import BNSeparation
from vireid.settings import instantiate
from vireid.settings.torch_classes import public_classes
from vireid.tasks import SGD, OptimizerSettings, TorchOptimizer, TorchSchedule, WarmupCosine
from vireid.tasks.optimisation.torch_optimizer import OPTIMIZERS, OptimizerClass, as_optimizer
from vireid.tasks.optimisation.torch_schedule import SCHEDULERS

EPOCHS = 6
SCHEDULES: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 2},
    "MultiStepLR": {"milestones": [1, 3]},
    "ConstantLR": {"factor": 0.5, "total_iters": 3},
    "LinearLR": {"total_iters": 4},
    "ExponentialLR": {"gamma": 0.5},
    "PolynomialLR": {"total_iters": 5, "power": 2.0},
    "CosineAnnealingLR": {"T_max": 4, "eta_min": 0.01},
    "CosineAnnealingWarmRestarts": {"T_0": 2},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.4, "step_size_up": 2, "mode": "triangular2"},
    "OneCycleLR": {"max_lr": 0.4, "total_steps": EPOCHS, "anneal_strategy": "linear"},
}
CHOSEN = sorted(path.rpartition(".")[2] for path in public_classes("torch.optim", "Optimizer"))
USED = [name for name in CHOSEN if name not in OPTIMIZERS.refused]


def parts() -> dict[str, list[nn.Parameter]]:
    return {name: [nn.Parameter(torch.ones(2, 2))] for name in ("trunk", "neck")}


def rates(optimizer: Optimizer, scheduler: LRScheduler | None) -> list[list[float]]:
    assert scheduler is not None
    found = []
    for _ in range(EPOCHS):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return found


def test_every_public_class_is_used_or_refused() -> None:
    """A new class of torch fails here until somebody has looked at it."""
    assert {"Adadelta", "Adagrad", "Adam", "NAdam", "RMSprop", "SGD"} < set(USED)
    assert set(OPTIMIZERS.refused) <= {*CHOSEN, "Muon"}, "Muon is younger than the oldest torch"
    schedulers = {path.rpartition(".")[2] for path in public_classes("torch.optim.lr_scheduler", "LRScheduler")}
    assert schedulers == set(SCHEDULES) | set(SCHEDULERS.refused)


# --- what is built ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", USED)
def test_an_optimiser_steps_as_by_hand(name: str) -> None:
    cls, given = getattr(torch.optim, name), {"lr": 0.25, "weight_decay": 0.0} if name != "Rprop" else {"lr": 0.25}
    ours, theirs = parts(), parts()
    built = TorchOptimizer(partial(cls, **given), lr_factors={"trunk": 0.1}).build(ours)
    by_hand = cls([{"params": theirs["trunk"], "lr": 0.025}, {"params": theirs["neck"]}], **given)
    assert type(built) is cls
    for network, optimizer in ((ours, built), (theirs, by_hand)):
        for part in network.values():
            part[0].grad = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
        optimizer.step()
    assert all(torch.equal(ours[part][0], theirs[part][0]) for part in ours)
    assert not torch.equal(ours["trunk"][0], ours["neck"][0])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_scheduler_moves_rates_as_by_hand(name: str) -> None:
    cls, factors = getattr(lr_scheduler, name), None if name in ("CyclicLR", "OneCycleLR") else {"trunk": 0.1}
    settings = SGD(0.5, 0.9, False, schedule=partial(cls, **SCHEDULES[name]), lr_factors=factors)
    built = settings.build(parts())
    groups = [{"params": parameters, "lr": 0.05 if factors and part == "trunk" else 0.5} for part, parameters in parts().items()]
    by_hand = torch.optim.SGD(groups, 0.5, 0.9)
    found = rates(built, settings.scheduler(built, EPOCHS))
    assert found == rates(by_hand, cls(by_hand, **SCHEDULES[name]))
    assert len({row[1] for row in found}) > 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_state_of_a_scheduler_is_plain_and_goes_on(name: str) -> None:
    """What a checkpoint keeps: it is read back without running anything, and the next rates are the same, bit for bit."""
    settings = SGD(0.5, 0.9, False, schedule=partial(getattr(lr_scheduler, name), **SCHEDULES[name]))
    whole = settings.build(parts())
    expected = rates(whole, settings.scheduler(whole, EPOCHS))
    first, second = settings.build(parts()), settings.build(parts())
    before, after = settings.scheduler(first, EPOCHS), settings.scheduler(second, EPOCHS)
    assert before is not None
    assert after is not None
    found = [[group["lr"] for group in first.param_groups]]
    for _ in range(2):
        first.step()
        before.step()
        found.append([group["lr"] for group in first.param_groups])
    file = io.BytesIO()
    torch.save({"optimizer": first.state_dict(), "scheduler": before.state_dict()}, file)
    state = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    second.load_state_dict(state["optimizer"])
    after.load_state_dict(state["scheduler"])
    for _ in range(3, EPOCHS):
        second.step()
        after.step()
        found.append([group["lr"] for group in second.param_groups])
    assert found == expected


# --- how it is chosen ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [torch.optim.RMSprop, partial(torch.optim.RMSprop, lr=0.01), partial(torch.optim.RMSprop, alpha=0.99)])
def test_a_class_or_a_partial_of_it(value: Any) -> None:
    settings = as_optimizer(value)
    assert isinstance(settings, TorchOptimizer)
    assert settings.lr == 0.01, "torch's default too"
    assert as_optimizer(settings) is settings


def test_settings_name_class_and_arguments_and_bring_them_back() -> None:
    schedule = partial(lr_scheduler.CosineAnnealingLR, T_max=10)
    settings = TorchOptimizer(partial(torch.optim.Adam, lr=0.5, betas=(0.1, 0.2)), schedule=schedule, lr_factors={"trunk": 0.1})
    found = settings.settings()
    assert found == {
        "class_path": "vireid.tasks.TorchOptimizer",
        "init_args": {
            "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.5, "betas": [0.1, 0.2]}},
            "schedule": {
                "class_path": "vireid.tasks.TorchSchedule",
                "init_args": {"scheduler": {"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 10}}},
            },
            "lr_factors": {"trunk": 0.1},
            "gradient_clip_val": None,
        },
    }
    again = instantiate(found)
    assert again.settings() == found
    assert again.build(parts()).param_groups[0]["lr"] == 0.05


class Task:
    """Something with an optimiser."""

    def __init__(self, optimizer: OptimizerSettings | OptimizerClass | None = None) -> None:
        self.optimizer = None if optimizer is None else as_optimizer(optimizer)


def parsed(*words: str, config: str = "") -> OptimizerSettings:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(Task, "model")
    task = parser.instantiate(parser.parse_args([*(["--config", config] if config else []), *words])).model
    assert task.optimizer is not None
    return task.optimizer  # type: ignore[no-any-return]


def test_the_command_line_takes_a_class_of_torch() -> None:
    settings = parsed("--model.optimizer", "torch.optim.RMSprop", "--model.optimizer.lr", "0.5", "--model.optimizer.alpha", "0.25")
    assert isinstance(settings, TorchOptimizer)
    group = settings.build(parts()).param_groups[0]
    assert (group["lr"], group["alpha"], settings.schedule) == (0.5, 0.25, None)
    assert instantiate(settings.settings()).settings() == settings.settings()


CONFIG = """
model:
  optimizer:
    class_path: vireid.tasks.TorchOptimizer
    init_args:
      optimizer: {class_path: torch.optim.RMSprop, init_args: {lr: 0.5}}
      schedule: {class_path: torch.optim.lr_scheduler.CosineAnnealingLR, init_args: {T_max: 10}}
      lr_factors: {trunk: 0.1}
      gradient_clip_val: 2.0
"""


def test_a_file_takes_a_class_of_torch_with_what_optimisers_own(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    settings = parsed("--model.optimizer.optimizer.alpha", "0.25", config=str(tmp_path / "config.yaml"))
    optimizer = settings.build(parts())
    assert [(type(optimizer).__name__, group["lr"], group["alpha"]) for group in optimizer.param_groups] == [
        ("RMSprop", 0.05, 0.25),
        ("RMSprop", 0.5, 0.25),
    ]
    scheduler = settings.scheduler(optimizer, 20)
    assert isinstance(scheduler, lr_scheduler.CosineAnnealingLR)
    assert (scheduler.T_max, settings.gradient_clip_val) == (10, 2.0)


def test_a_schedule_of_torch_for_an_optimiser_of_ours() -> None:
    words = ["--model.optimizer", "vireid.tasks.SGD", "--model.optimizer.schedule", "torch.optim.lr_scheduler.StepLR"]
    settings = parsed(*words, "--model.optimizer.schedule.step_size", "3")
    assert isinstance(settings.schedule, TorchSchedule)
    assert settings.schedule.choice.settings()["init_args"]["step_size"] == 3


def test_the_command_line_refuses_a_misspelt_argument_of_torch() -> None:
    with pytest.raises(ArgumentError, match="'alhpa' is not accepted"):
        parsed("--model.optimizer", "torch.optim.RMSprop", "--model.optimizer.alhpa", "0.5")


def test_tasks_take_a_class_of_torch_and_rebuild_it() -> None:
    optimizer: Any = partial(torch.optim.NAdam, lr=0.5)
    module = RetrainModule(3, "all_shared", BNSeparation("resnet10", width=8), weights=None, optimizer=optimizer)
    again = instantiate(module.settings())
    assert again.optimizer.settings() == TorchOptimizer(optimizer).settings()


# --- what is refused ----------------------------------------------------------------------------------------------------------------------


class Own(torch.optim.SGD):
    """Not torch's."""


def factory(parameters: Any) -> Optimizer:
    return torch.optim.SGD(parameters)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.optim.LBFGS, r"`optimizer` cannot be torch\.optim\.LBFGS: it computes the loss several times a step"),
        (partial(torch.optim.SparseAdam, lr=0.1), r"torch\.optim\.SparseAdam: it takes sparse gradients alone"),
        (Own, r"must be a public class of torch\.optim, got Own\. For one of your own derive from vireid\.tasks\.OptimizerSettings"),
        (Optimizer, r"public class of torch\.optim, got Optimizer"),
        (factory, r"public class of torch\.optim, got factory"),
        (partial(factory), r"public class of torch\.optim, got functools"),
        (nn.Linear, r"public class of torch\.optim, got Linear"),
        (lr_scheduler.StepLR, r"public class of torch\.optim, got StepLR"),
        ("torch.optim.SGD", r"public class of torch\.optim, got 'torch\.optim\.SGD'"),
        (partial(torch.optim.SGD, [nn.Parameter(torch.ones(1))]), "`optimizer` must have named arguments only"),
        (
            partial(torch.optim.SGD, lr=torch.tensor(0.1)),
            r"`lr` of torch\.optim\.SGD must be a number, a text or a list of numbers, got tensor",
        ),
        (partial(torch.optim.SGD, momentun=0.9), r"torch\.optim\.SGD cannot be built from its arguments: .*momentun"),
        (partial(torch.optim.RMSprop, alpha=-1.0), r"torch\.optim\.RMSprop cannot be built from its arguments: Invalid alpha value: -1\.0"),
    ],
)
def test_optimisers_that_are_refused(value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TorchOptimizer(value)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="Muon came with torch 2.9")
def test_muon_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"torch\.optim\.Muon: it takes matrices alone"):
        TorchOptimizer(torch.optim.Muon)


def halve(epoch: int) -> float:
    return 0.5**epoch


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            partial(lr_scheduler.LambdaLR, lr_lambda=halve),
            r"`schedule` cannot be torch\.optim\.lr_scheduler\.LambdaLR: it needs a function",
        ),
        (partial(lr_scheduler.MultiplicativeLR, lr_lambda=halve), "MultiplicativeLR: it needs a function, which no file can hold"),
        (partial(lr_scheduler.SequentialLR, schedulers=[], milestones=[]), "SequentialLR: it needs other schedulers"),
        (lr_scheduler.ChainedScheduler, "ChainedScheduler: it needs other schedulers"),
        (lr_scheduler.ReduceLROnPlateau, "ReduceLROnPlateau: it needs a monitored value"),
        (lr_scheduler.LRScheduler, r"must be a public class of torch\.optim\.lr_scheduler, got LRScheduler"),
        (torch.optim.swa_utils.SWALR, r"public class of torch\.optim\.lr_scheduler, got SWALR\. For one of your own derive from"),
        (torch.optim.SGD, "got SGD"),
        (partial(lr_scheduler.CyclicLR, base_lr=0.1, max_lr=0.2, scale_fn=halve), "`scale_fn` of .*CyclicLR must be a number, a text"),
        (lr_scheduler.StepLR, "StepLR cannot be built from its arguments: .*step_size"),
        (partial(lr_scheduler.StepLR, step_size=2, last_epoch=3), "StepLR cannot be built from its arguments: .*initial_lr"),
    ],
)
def test_schedulers_that_are_refused(value: Callable[..., Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SGD(schedule=value)


@pytest.mark.parametrize("words", [["torch.optim.LBFGS"], ["torch.optim.SGD", "--model.optimizer.momentum", "-1"]])
def test_the_command_line_refuses_what_python_refuses(words: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"LBFGS: it computes the loss several times|`optimizer` cannot be built .* Invalid momentum"):
        parsed("--model.optimizer", *words)


def test_arguments_in_the_wrong_place() -> None:
    with pytest.raises(SettingsError, match="`lr` is an argument of the optimiser itself"):
        TorchOptimizer(torch.optim.RMSprop, lr=0.1)
    with pytest.raises(SettingsError, match="`fused: true` takes gradients before they are unscaled"):
        TorchOptimizer(partial(torch.optim.Adam, fused=True), gradient_clip_val=1.0)
    with pytest.raises(SettingsError, match=r"OneCycleLR brings rates of its own, without `lr_factors`"):
        SGD(schedule=partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=5), lr_factors={"trunk": 0.1})


def test_a_schedule_that_does_not_go_with_the_run_or_the_optimiser() -> None:
    settings = SGD(schedule=partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=5))
    with pytest.raises(SettingsError, match=r"OneCycleLR ends before `trainer\.max_epochs`, 6: Tried to step 6 times"):
        settings.scheduler(settings.build(parts()), 6)
    assert settings.scheduler(settings.build(parts()), 5) is not None
    cyclic = TorchOptimizer(torch.optim.Adagrad, schedule=partial(lr_scheduler.CyclicLR, base_lr=0.1, max_lr=0.2))
    with pytest.raises(SettingsError, match=r"CyclicLR cannot be built .* optimizer must support momentum"):
        cyclic.scheduler(cyclic.build(parts()), 5)


def test_a_warm_up_before_a_scheduler_of_torch_is_no_schedule() -> None:
    assert TorchSchedule(partial(lr_scheduler.StepLR, step_size=1)).length == 0
    assert SGD(schedule=WarmupCosine(3)).schedule.length == 3  # type: ignore[union-attr]
