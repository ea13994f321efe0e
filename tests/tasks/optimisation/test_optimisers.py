"""Optimiser settings: groups, rates by part and epoch, clipping, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vireid.errors import SettingsError
from vireid.search import BNSeparation
from vireid.settings import instantiate
from vireid.tasks import SGD, Adam, AdamW, OptimizerSettings, RetrainModule, WarmupCosine, WarmupMultiStep
from vireid.tasks.recipes import cm_nas_optimizer, cm_nas_search_optimizer

SHARED: dict[str, Any] = {"schedule": WarmupCosine(4), "lr_factors": {"trunk": 0.1}, "gradient_clip_val": 2.0}


def parts() -> dict[str, list[nn.Parameter]]:
    return {name: [nn.Parameter(torch.ones(2))] for name in ("trunk", "neck", "classifier")}


@pytest.mark.parametrize("cls", [Adam, AdamW, SGD])
def test_every_part_is_a_group_with_its_rate(cls: type[Adam]) -> None:
    network = parts()
    optimizer = cls(0.5, lr_factors={"trunk": 0.1, "neck": 0.0}).build(network)
    assert [(group["name"], group["lr"]) for group in optimizer.param_groups] == [("trunk", 0.05), ("neck", 0.0), ("classifier", 0.5)]
    assert all(group["params"] == network[group["name"]] for group in optimizer.param_groups)


@pytest.mark.parametrize("cls", [Adam, AdamW, SGD])
def test_settings_bring_shared_arguments_back(cls: type[Adam]) -> None:
    again = instantiate(cls(0.5, **SHARED).settings())
    assert again.settings() == cls(0.5, **SHARED).settings()
    assert (again.lr, again.lr_factors, again.gradient_clip_val) == (0.5, {"trunk": 0.1}, 2.0)
    assert again.schedule.settings() == WarmupCosine(4).settings()


def test_a_schedule_multiplies_the_rates_of_all_parts() -> None:
    settings = SGD(1.0, lr_factors={"trunk": 0.1}, schedule=WarmupCosine())
    optimizer = settings.build(parts())
    scheduler, rates = settings.scheduler(optimizer, 4), []
    assert scheduler is not None
    for _ in range(4):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    assert rates == [pytest.approx([0.1 * factor, factor, factor]) for factor in map(WarmupCosine(4), range(4))]
    assert SGD().scheduler(optimizer, 4) is None


def test_the_optimisers_of_cm_nas() -> None:
    """Numbers of the public training code; the search's schedule is ours."""
    for settings, milestones, warmup in ((cm_nas_optimizer(), (40, 70), 10), (cm_nas_search_optimizer(), (30, 45), 5)):
        assert settings.settings()["init_args"] == {
            "lr": 0.01,
            "betas": [0.5, 0.999],
            "eps": 1e-8,
            "weight_decay": 5e-4,
            "amsgrad": False,
            "schedule": WarmupMultiStep(milestones, 0.1, warmup, 0.01).settings(),
            "lr_factors": {"trunk": 0.1},
            "gradient_clip_val": None,
            "fused": False,
        }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": -1.0}, "`lr` must be at least 0, got -1.0"),
        ({"lr": float("nan")}, "`lr` must be at least 0, got nan"),
        ({"gradient_clip_val": 0.0}, "`gradient_clip_val` must be above 0, got 0.0. Leave it out to clip nothing"),
        ({"lr_factors": {"neck": -0.5, "trunk": 1.0}}, "`lr_factors` must be at least 0, got {'neck': -0.5}"),
    ],
)
def test_numbers_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SGD(**arguments)


def test_factors_of_parts_that_are_not_there() -> None:
    with pytest.raises(SettingsError, match="`lr_factors` names heads, tail; the parts of this network are classifier, neck, trunk"):
        SGD(lr_factors={"tail": 1.0, "heads": 2.0, "trunk": 0.1}).build(parts())


def test_a_misspelt_argument_gets_the_nearest_name() -> None:
    with pytest.raises(TypeError, match="Did you mean `lr_factors`"):
        Adam(lr_factor={"trunk": 0.1})


class Rprop(OptimizerSettings):
    """An optimiser of one's own."""

    def __init__(self, largest: float = 50.0, **shared: Any) -> None:
        super().__init__(**shared)
        self.largest = largest

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.Rprop(groups, step_sizes=(1e-6, self.largest))


def test_an_optimiser_of_ones_own() -> None:
    optimizer = Rprop(2.0, lr=0.5, lr_factors={"trunk": 0.1}).build(parts())
    assert [(group["lr"], group["step_sizes"]) for group in optimizer.param_groups] == [(0.05, (1e-6, 2.0)), *[(0.5, (1e-6, 2.0))] * 2]


# --- clipping -----------------------------------------------------------------------------------------------------------------------------


def clipped(network: dict[str, list[nn.Parameter]], step: Callable[[torch.optim.Optimizer], Any]) -> Tensor:
    """The step of plain gradient descent at a rate of 1, as one vector."""
    optimizer = SGD(1.0, 0.0, False, 0.0, gradient_clip_val=0.5).build(network)
    step(optimizer)
    return 1.0 - torch.cat([parameter.detach() for group in network.values() for parameter in group])


def backward(network: dict[str, list[nn.Parameter]]) -> Tensor:
    weights = torch.cat([parameter for group in network.values() for parameter in group])
    loss = (torch.arange(1.0, 7.0) * weights).sum()
    loss.backward()
    return loss.detach()


EXPECTED = 0.5 * torch.arange(1.0, 7.0) / torch.arange(1.0, 7.0).norm()  # over all parts together


def test_gradients_that_are_there_are_clipped() -> None:
    network = parts()
    backward(network)
    torch.testing.assert_close(clipped(network, lambda optimizer: optimizer.step()), EXPECTED)


@pytest.mark.parametrize("by_name", [True, False])
def test_gradients_of_a_closure_are_clipped(by_name: bool) -> None:
    """They come into being inside the step, as in Lightning's automatic optimisation."""
    network, losses = parts(), []

    def closure() -> float:
        return float(backward(network))

    def step(optimizer: torch.optim.Optimizer) -> None:
        losses.append(optimizer.step(closure=closure) if by_name else optimizer.step(closure))

    torch.testing.assert_close(clipped(network, step), EXPECTED)
    assert losses == [21.0]


class Line(pl.LightningModule):
    """A training by Lightning whose gradient is the sum of its batches."""

    def __init__(self, settings: OptimizerSettings) -> None:
        super().__init__()
        self.settings, self.weight = settings, nn.Parameter(torch.zeros(2))

    def training_step(self, batch: Tensor) -> Tensor:
        return (batch * self.weight).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.settings.build({"weight": [self.weight]})


@pytest.mark.parametrize("largest", [1.0, 100.0])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_lightning_clips_what_is_accumulated_once(largest: float, precision: Any, tmp_path: Path) -> None:
    rows = torch.tensor([[30.0, 0.0], [0.0, 40.0]])
    module = Line(SGD(1.0, 0.0, False, 0.0, gradient_clip_val=largest))
    trainer = pl.Trainer(
        max_epochs=1,
        accumulate_grad_batches=2,
        accelerator="cpu",
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, DataLoader(rows, batch_size=None))
    torch.testing.assert_close(module.weight.detach(), -torch.tensor([15.0, 20.0]) * min(1.0, largest / 25.0))


def test_a_retraining_clips_once(tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "accelerator": "cpu", "default_root_dir": tmp_path}
    module = RetrainModule(3, space=BNSeparation("resnet10", width=8), weights=None, optimizer=SGD(gradient_clip_val=1.0))
    module.trainer = pl.Trainer(gradient_clip_val=1.0, **quiet)
    with pytest.raises(SettingsError, match=r"clipped twice: `trainer\.gradient_clip_val` and that of `model\.optimizer`"):
        module.configure_optimizers()
