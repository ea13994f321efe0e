"""Every relaxation on one level and on two, through the whole of SearchModule, on a space whose best point is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.tasks.search.toy import BEST, LOSSES, ToyLoss, ToySupernet, toy_fit, toy_module
from vireid.errors import SettingsError
from vireid.losses import CrossEntropy
from vireid.search import DirichletSample, GumbelHard, GumbelSoft, RandomOneHot, RectifiedGumbel, Relaxation, Sigmoid, Softmax, TopK
from vireid.tasks import SGD, Adam, LastCheckpoint, Schedule, WarmupCosine, WarmupMultiStep
from vireid.tasks.search.checks import check_run
from vireid.tasks.search.module import SearchModule

LEARNING = [Softmax(), GumbelSoft(), GumbelHard(), TopK(1), TopK(2), RectifiedGumbel(), Sigmoid(), Sigmoid(True), DirichletSample()]
FAST = Adam(0.05, weight_decay=0.0)


def name(relaxation: Relaxation) -> str:
    return type(relaxation).__name__ + "".join(f"-{value}" for value in vars(relaxation).values())


def forwards(module: SearchModule) -> int:
    assert isinstance(module.supernet, ToySupernet)
    return int(module.supernet.trunk.forwards)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["one", "two"])
@pytest.mark.parametrize("relaxation", LEARNING, ids=name)
def test_every_relaxation_solves_the_toy_space(relaxation: Relaxation, level: str, tmp_path: Path) -> None:
    module = toy_module(architecture_relaxation=relaxation, level=level, architecture_optimizer=FAST, temperature_end=0.5)
    toy_fit(module, tmp_path, plain=level == "one")
    assert module.derive().choices == BEST
    start = toy_module(architecture_relaxation=relaxation).architecture.logits
    assert (module.architecture.logits != start)[module.architecture.allowed].all(), "every logit moved"
    assert forwards(module) == (100 if level == "one" else 200)


def test_random_search_pays_for_no_architecture_step_and_keeps_its_point(tmp_path: Path) -> None:
    module = toy_module(architecture_relaxation=RandomOneHot())
    before = module.architecture.logits.detach().clone()
    choices = module.derive().choices
    toy_fit(module, tmp_path, epochs=1, plain=True)
    assert torch.equal(module.architecture.logits, before)
    assert module.derive().choices == choices
    assert forwards(module) == 50
    learned = [p.detach() < 0.5 for choice in module.supernet.choices.values() for p in choice.parameters()]
    assert all(learned), "weights of all candidates learn"


def test_random_search_hits_the_best_point_as_often_as_chance() -> None:
    count = 600
    hits = sum(toy_module(architecture_relaxation=RandomOneHot(), seed=seed).derive().choices == BEST for seed in range(count))
    chance = 1 / (3 * 3 * 3 * 2)  # a and d are one choice
    assert abs(hits / count - chance) < 4 * (chance * (1 - chance) / count) ** 0.5


# --- one level ----------------------------------------------------------------------------------------------------------------------------


class Steps(pl.Callback):
    """Logits and weights after every epoch."""

    def __init__(self) -> None:
        self.logits: list[torch.Tensor] = []
        self.weights: list[torch.Tensor] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, SearchModule)
        self.logits.append(pl_module.architecture.logits.detach().clone())
        self.weights.append(torch.stack([p.detach().clone() for c in pl_module.supernet.choices.values() for p in c.parameters()]))


def test_one_level_is_one_gradient_of_the_whole_loss(tmp_path: Path) -> None:
    """A step by hand: SGD of both by the gradients of ``sum w (loss + p^2)``."""
    plain = SGD(0.1, 0.0, False, 0.0)
    module = toy_module(
        level="one", architecture_relaxation=Softmax(), optimizer=plain, architecture_optimizer=plain,
        temperature_end=1.0,
    )  # fmt: skip
    toy_fit(module, tmp_path, epochs=1, batches=1)
    value = torch.tensor([loss + 0.25 for loss in LOSSES["b"]])
    p = torch.full((3,), 1 / 3)
    torch.testing.assert_close(module.architecture.logits[1], -0.1 * p * (value - (p * value).sum()))
    weights = torch.stack(list(module.supernet.choices["b"].parameters()))
    torch.testing.assert_close(weights, 0.5 - 0.1 * p * 2 * 0.5)


def test_one_level_warm_up_rests_the_logits_alone(tmp_path: Path) -> None:
    module, steps = toy_module(level="one", warmup_epochs=2, architecture_relaxation=GumbelHard()), Steps()
    toy_fit(module, tmp_path, epochs=3, batches=5, callbacks=[steps])
    assert torch.equal(steps.logits[1], torch.zeros_like(steps.logits[1]))
    assert (steps.logits[2][module.architecture.allowed] != 0).all()
    assert not torch.equal(steps.weights[0], steps.weights[1])
    assert forwards(module) == 15


def test_one_level_takes_penalties_and_accumulates(tmp_path: Path) -> None:
    free, dear, fewer = (
        toy_module(level="one", architecture_relaxation=Softmax(), architecture_optimizer=FAST, **extra)
        for extra in ({}, {"cost_weight": 100.0}, {"accumulate_grad_batches": 10})
    )
    for module in (free, dear, fewer):
        toy_fit(module, tmp_path, epochs=1)
    assert set(dear.derive().choices.values()) == {"x"}, "the cheapest"
    assert fewer.architecture.logits.abs().max() < 0.5 * free.architecture.logits.abs().max(), "5 steps instead of 50"


def test_mixed_half_precision_is_refused_on_one_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = toy_module(level="one")
    monkeypatch.setattr(pl.Trainer, "precision", "16-mixed")
    with pytest.raises(SettingsError, match="`level: one` and `16-mixed` do not go together"):
        toy_fit(module, tmp_path)


# --- options ------------------------------------------------------------------------------------------------------------------------------


def test_architecture_losses_replace_those_of_the_weights(tmp_path: Path) -> None:
    module = toy_module(architecture_losses=[ToyLoss(-1.0 + 2.0, "other"), ToyLoss(2.0, "more")])
    trainer = toy_fit(module, tmp_path, epochs=1, batches=2)
    assert {"search/other", "search/more", "train/toy"} <= set(trainer.callback_metrics)
    assert "search/toy" not in trainer.callback_metrics


def test_the_logits_have_a_schedule_of_their_own(tmp_path: Path) -> None:
    rates = []
    for schedule in (None, WarmupMultiStep((1,), 1e-9, 0)):
        steps = Steps()
        logits = Adam(6e-3, weight_decay=0.0, schedule=schedule)
        toy_fit(toy_module(architecture_optimizer=logits), tmp_path, batches=4, callbacks=[steps])
        rates.append(float((steps.logits[1] - steps.logits[0]).abs().max()))
    assert rates[0] > 1e-3
    assert rates[1] < 1e-8


def test_costs_of_different_kinds(tmp_path: Path) -> None:
    assert toy_module(cost="parameters", cost_weight=1.0)._regularisation().item() == pytest.approx((4 * 0.5 + 0.25) / 5)
    with pytest.raises(SettingsError, match="`cost_weight` without a cost: at every site all candidates have the same `latency`"):
        toy_module(cost="latency", cost_weight=1.0)


def test_the_temperature_falls_in_steps_or_geometrically(tmp_path: Path) -> None:
    seen: list[float] = []

    class Note(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
            seen.append(pl_module.temperature)

    for every in (2, None):
        module = toy_module(temperature_start=8.0, temperature_end=1.5, warmup_epochs=1, temperature_every=every)
        toy_fit(module, tmp_path, epochs=8, batches=1, callbacks=[Note()])
    assert seen[:8] == [8.0, 8.0, 8.0, 4.0, 4.0, 2.0, 2.0, 1.5]
    assert seen[8:10] == [8.0, 8.0]
    assert seen[15] == pytest.approx(1.5)


# --- the end ------------------------------------------------------------------------------------------------------------------------------


def test_a_search_ends_when_its_ranking_is_stable(tmp_path: Path) -> None:
    module = toy_module(architecture_relaxation=Softmax(), architecture_optimizer=FAST, warmup_epochs=2, stop_when_stable=3)
    trainer = toy_fit(module, tmp_path, epochs=50, batches=20)
    assert trainer.current_epoch == 6, "two of warm-up, one that sets the order, three that keep it"
    assert module.derive().choices == BEST


def test_the_count_of_stable_epochs_survives_a_resume(tmp_path: Path) -> None:
    arguments = {"architecture_relaxation": Softmax(), "architecture_optimizer": FAST, "stop_when_stable": 3}
    path = str(tmp_path / "last.ckpt")
    whole = toy_module(**arguments)
    end = toy_fit(whole, tmp_path, 50, 10).current_epoch
    assert 4 <= end < 50
    with pytest.raises(KeyError, match="power cut"):
        toy_fit(
            toy_module(**arguments), tmp_path, 50, 10, enable_checkpointing=True, callbacks=[LastCheckpoint(tmp_path), PowerCut(end - 1)]
        )
    resumed, again = toy_module(**arguments), toy_module(**arguments)
    assert toy_resume(resumed, tmp_path, path).current_epoch == end
    toy_resume(again, tmp_path, path)
    assert forwards(again) == 0, "a search that has ended is not taken further"
    for module in (resumed, again):
        assert torch.equal(module.architecture.logits, whole.architecture.logits)


class PowerCut(pl.Callback):
    """Fails in the first batch of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == self.epoch:
            raise KeyError("power cut")


def toy_resume(module: SearchModule, folder: Path, path: str) -> pl.Trainer:
    fit = pl.Trainer.fit

    def resumed(self: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        fit(self, *args, ckpt_path=path, weights_only=True, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl.Trainer, "fit", resumed)
        return toy_fit(module, folder, 50, 10, enable_checkpointing=True, callbacks=[LastCheckpoint(folder)])


# --- refusals -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "one", "weight_relaxation": GumbelHard()}, "`weight_relaxation` does not apply to `level: one`"),
        ({"level": "one", "architecture_losses": [ToyLoss()]}, "`architecture_losses` does not apply to `level: one`"),
        ({"architecture_relaxation": RandomOneHot(), "cost_weight": 1.0}, "`cost_weight` has nothing to act on: under RandomOneHot"),
        ({"architecture_relaxation": RandomOneHot(), "entropy_weight": 1.0}, "`entropy_weight` has nothing to act on"),
        ({"architecture_relaxation": RandomOneHot(), "stop_when_stable": 2}, "`stop_when_stable` has nothing to act on"),
        ({"architecture_relaxation": RandomOneHot(), "architecture_losses": [ToyLoss()]}, "`architecture_losses` has nothing to act on"),
        (
            {"architecture_relaxation": RandomOneHot(), "weight_relaxation": GumbelHard()},
            "`weight_relaxation` is GumbelHard, but under the `architecture_relaxation` RandomOneHot the logits .* never move",
        ),
        ({"warmup_epochs": -1}, "`warmup_epochs` must be at least 0, got -1"),
        (
            {"temperature_every": 2, "temperature_start": 1.0, "temperature_end": 5.0},
            "the temperature falls, but `temperature_end` is above `temperature_start`: 5.0 and 1.0",
        ),
        ({"stop_when_stable": 0}, "`stop_when_stable` must be at least 1, got 0"),
        ({"temperature_every": 0}, "`temperature_every` must be at least 1, got 0"),
        ({"temperature_factor": 0.0}, "`temperature_factor` must be above 0 and at most 1, got 0.0"),
    ],
)
def test_arguments_that_do_not_fit_together(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        toy_module(**arguments)


def test_the_same_random_relaxation_for_both_steps() -> None:
    given = toy_module(architecture_relaxation=RandomOneHot(), weight_relaxation=RandomOneHot())
    assert isinstance(given.weight_relaxation, RandomOneHot)
    assert isinstance(toy_module(weight_relaxation=RandomOneHot()).weight_relaxation, RandomOneHot), "of a search that learns"


@pytest.mark.parametrize(
    ("optimizer", "schedule", "message"),
    [
        (
            "optimizer",
            WarmupMultiStep((30, 45)),
            r"`model.init_args.optimizer.init_args.schedule` .* takes 46 epochs .* `trainer.max_epochs` is 4",
        ),
        ("optimizer", WarmupMultiStep((), warmup_epochs=5), "takes 5 epochs"),
        ("optimizer", WarmupCosine(5), r"\(WarmupCosine\) takes 5 epochs"),
        ("architecture_optimizer", WarmupCosine(5), "`model.init_args.architecture_optimizer.init_args.schedule`"),
    ],
)
def test_a_schedule_longer_than_the_run_is_refused(optimizer: str, schedule: Schedule, message: str, tmp_path: Path) -> None:
    module = toy_module(**{optimizer: Adam(schedule=schedule)})
    with pytest.raises(SettingsError, match=message):
        toy_fit(module, tmp_path, epochs=4)
    assert forwards(module) == 0


def test_schedules_that_fit_the_run(tmp_path: Path) -> None:
    for schedule in (None, WarmupMultiStep((1, 3), 0.1, 0), WarmupCosine(4), WarmupCosine()):
        toy_fit(toy_module(optimizer=Adam(schedule=schedule)), tmp_path, 4, 1)
    toy_fit(toy_module(optimizer=Adam(schedule=WarmupMultiStep((30, 45)))), tmp_path, fast_dev_run=True)


def test_the_schedule_of_the_default_may_be_cut_short(tmp_path: Path) -> None:
    said = Adam(schedule=WarmupMultiStep((30, 45), warmup_epochs=5))  # what search/cm_nas.yaml says
    for module in (toy_module(), toy_module(optimizer=said)):
        toy_fit(module, tmp_path, 2, 1)
        assert forwards(module) == 4


def test_two_levels_need_rows_for_both(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs rows for both steps"):
        toy_fit(toy_module(), tmp_path, plain=True)


def test_losses_that_need_classes_are_refused_for_people_without_one() -> None:
    module = toy_module(architecture_losses=[ToyLoss(), CrossEntropy()])
    trainer = SimpleNamespace(max_epochs=4, precision="32-true", fast_dev_run=False, datamodule=SimpleNamespace(search_split="identity"))
    module._trainer = trainer  # type: ignore[assignment]  # all that the checks look at
    with pytest.raises(SettingsError, match="`architecture_losses` has ce, which needs classes"):
        check_run(module)
    trainer.datamodule.search_split = "image"
    check_run(module)
