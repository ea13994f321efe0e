"""Every relaxation on one level and on two, through the whole of SearchModule, on a space whose best point is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.tasks.search.toy import BEST, LOSSES, ToyLoss, ToySupernet, toy_fit, toy_module, toy_strategy
from vireid.errors import SettingsError
from vireid.losses import CrossEntropy
from vireid.search import DirichletSample, GumbelHard, GumbelSoft, RandomOneHot, RectifiedGumbel, Relaxation, Sigmoid, Softmax, TopK
from vireid.tasks import (
    SGD,
    Adam,
    ExpectedCost,
    Fixed,
    Geometric,
    GradientStrategy,
    LastCheckpoint,
    OneLevel,
    RandomPaths,
    Schedule,
    SearchModule,
    Stepped,
    StopWhenStable,
    TwoLevels,
    Unrolled,
    WarmupCosine,
    WarmupMultiStep,
)

LEARNING = [Softmax(), GumbelSoft(), GumbelHard(), TopK(1), TopK(2), RectifiedGumbel(), Sigmoid(), Sigmoid(True), DirichletSample()]
FAST = Adam(0.05, weight_decay=0.0)


def name(relaxation: Relaxation) -> str:
    return type(relaxation).__name__ + "".join(f"-{value}" for value in vars(relaxation).values())


def forwards(module: SearchModule) -> int:
    assert isinstance(module.supernet, ToySupernet)
    return int(module.supernet.trunk.forwards)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [OneLevel, TwoLevels])
@pytest.mark.parametrize("relaxation", LEARNING, ids=name)
def test_every_relaxation_solves_the_toy_space(relaxation: Relaxation, kind: type[GradientStrategy], tmp_path: Path) -> None:
    module = toy_module(toy_strategy(kind, relaxation=relaxation, architecture_optimizer=FAST))
    toy_fit(module, tmp_path, plain=kind is OneLevel)
    assert module.derive().choices == BEST
    start = toy_module(toy_strategy(relaxation=relaxation)).architecture.logits
    assert (module.architecture.logits != start)[module.architecture.allowed].all(), "every logit moved"
    assert forwards(module) == (100 if kind is OneLevel else 200)


def test_random_search_pays_for_no_architecture_step_and_keeps_its_point(tmp_path: Path) -> None:
    module = toy_module(RandomPaths())
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
    hits = sum(toy_module(RandomPaths(), seed=seed).derive().choices == BEST for seed in range(count))
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
    strategy = toy_strategy(OneLevel, relaxation=Softmax(), architecture_optimizer=plain, temperature=Fixed(1.0))
    module = toy_module(strategy, optimizer=plain)
    toy_fit(module, tmp_path, epochs=1, batches=1)
    value = torch.tensor([loss + 0.25 for loss in LOSSES["b"]])
    p = torch.full((3,), 1 / 3)
    torch.testing.assert_close(module.architecture.logits[1], -0.1 * p * (value - (p * value).sum()))
    weights = torch.stack(list(module.supernet.choices["b"].parameters()))
    torch.testing.assert_close(weights, 0.5 - 0.1 * p * 2 * 0.5)


def test_one_level_warm_up_rests_the_logits_alone(tmp_path: Path) -> None:
    module, steps = toy_module(toy_strategy(OneLevel, warmup_epochs=2, relaxation=GumbelHard())), Steps()
    toy_fit(module, tmp_path, epochs=3, batches=5, callbacks=[steps])
    assert torch.equal(steps.logits[1], torch.zeros_like(steps.logits[1]))
    assert (steps.logits[2][module.architecture.allowed] != 0).all()
    assert not torch.equal(steps.weights[0], steps.weights[1])
    assert forwards(module) == 15


def test_one_level_takes_penalties_and_accumulates(tmp_path: Path) -> None:
    free, dear, fewer = (
        toy_module(toy_strategy(OneLevel, relaxation=Softmax(), architecture_optimizer=FAST, penalties=penalties), **extra)
        for penalties, extra in (([], {}), ([ExpectedCost(100.0)], {}), ([], {"accumulate_grad_batches": 10}))
    )
    for module in (free, dear, fewer):
        toy_fit(module, tmp_path, epochs=1)
    assert set(dear.derive().choices.values()) == {"x"}, "the cheapest"
    assert fewer.architecture.logits.abs().max() < 0.5 * free.architecture.logits.abs().max(), "5 steps instead of 50"


def test_mixed_half_precision_is_refused_on_one_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = toy_module(toy_strategy(OneLevel))
    monkeypatch.setattr(pl.Trainer, "precision", "16-mixed")
    with pytest.raises(SettingsError, match="OneLevel and `16-mixed` do not go together"):
        toy_fit(module, tmp_path)


def test_accumulation_in_mixed_half_precision_is_refused_with_two_optimisers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = toy_module(accumulate_grad_batches=2)
    monkeypatch.setattr(pl.Trainer, "precision", "16-mixed")
    with pytest.raises(SettingsError, match="`accumulate_grad_batches` above 1 and `16-mixed` do not go together"):
        toy_fit(module, tmp_path)


# --- options ------------------------------------------------------------------------------------------------------------------------------


def test_architecture_losses_replace_those_of_the_weights(tmp_path: Path) -> None:
    module = toy_module(toy_strategy(architecture_losses=[ToyLoss(-1.0 + 2.0, "other"), ToyLoss(2.0, "more")]))
    trainer = toy_fit(module, tmp_path, epochs=1, batches=2)
    assert {"search/other", "search/more", "train/toy"} <= set(trainer.callback_metrics)
    assert "search/toy" not in trainer.callback_metrics


def test_the_logits_have_a_schedule_of_their_own(tmp_path: Path) -> None:
    rates = []
    for schedule in (None, WarmupMultiStep((1,), 1e-9, 0)):
        steps = Steps()
        logits = Adam(6e-3, weight_decay=0.0, schedule=schedule)
        toy_fit(toy_module(toy_strategy(architecture_optimizer=logits)), tmp_path, batches=4, callbacks=[steps])
        rates.append(float((steps.logits[1] - steps.logits[0]).abs().max()))
    assert rates[0] > 1e-3
    assert rates[1] < 1e-8


def test_costs_of_different_kinds(tmp_path: Path) -> None:
    penalty = ExpectedCost(1.0, "parameters")
    module = toy_module(toy_strategy(penalties=[penalty]))
    assert penalty(module.architecture, 0, 1).item() == pytest.approx((4 * 0.5 + 0.25) / 5)
    with pytest.raises(SettingsError, match="ExpectedCost could change nothing: at every site all candidates have the same `latency`"):
        toy_module(toy_strategy(penalties=[ExpectedCost(1.0, "latency")]))


def test_the_temperature_falls_in_steps_or_geometrically(tmp_path: Path) -> None:
    seen: list[float] = []

    class Note(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
            seen.append(pl_module.strategy.temperature_now(pl_module))

    for temperature in (Stepped(8.0, 1.5, every=2), Geometric(8.0, 1.5)):
        module = toy_module(toy_strategy(temperature=temperature, warmup_epochs=1))
        toy_fit(module, tmp_path, epochs=8, batches=1, callbacks=[Note()])
    assert seen[:8] == [8.0, 8.0, 8.0, 4.0, 4.0, 2.0, 2.0, 1.5]
    assert seen[8:10] == [8.0, 8.0]
    assert seen[15] == pytest.approx(1.5)


# --- the end ------------------------------------------------------------------------------------------------------------------------------


def test_a_search_ends_when_its_ranking_is_stable(tmp_path: Path) -> None:
    module = toy_module(toy_strategy(relaxation=Softmax(), architecture_optimizer=FAST, warmup_epochs=2))
    trainer = toy_fit(module, tmp_path, epochs=50, batches=20, callbacks=[StopWhenStable(3)])
    assert trainer.current_epoch == 6, "two of warm-up, one that sets the order, three that keep it"
    assert module.derive().choices == BEST


def fast() -> SearchModule:
    return toy_module(toy_strategy(relaxation=Softmax(), architecture_optimizer=FAST))


def test_the_count_of_stable_epochs_survives_a_resume(tmp_path: Path) -> None:
    path = str(tmp_path / "last.ckpt")
    whole = fast()
    end = toy_fit(whole, tmp_path, 50, 10, callbacks=[StopWhenStable(3)]).current_epoch
    assert 4 <= end < 50
    callbacks = [LastCheckpoint(tmp_path), PowerCut(end - 1), StopWhenStable(3)]
    with pytest.raises(KeyError, match="power cut"):
        toy_fit(fast(), tmp_path, 50, 10, enable_checkpointing=True, callbacks=callbacks)
    resumed, again = fast(), fast()
    assert toy_resume(resumed, tmp_path, path).current_epoch == end
    toy_resume(again, tmp_path, path)
    assert forwards(again) == 0, "a search that has ended is not taken further"
    for module in (resumed, again):
        assert torch.equal(module.architecture.logits, whole.architecture.logits)


def test_a_second_run_counts_stable_epochs_anew(tmp_path: Path) -> None:
    stop = StopWhenStable(3)
    ends = [toy_fit(fast(), tmp_path, 50, 10, callbacks=[stop]).current_epoch for _ in range(2)]
    assert ends[0] == ends[1] > 3


@pytest.mark.parametrize("wrong", [RandomPaths(), None], ids=["random paths", "no search"])
def test_stopping_needs_logits_that_move(wrong: RandomPaths | None, tmp_path: Path) -> None:
    module = toy_module(wrong) if wrong else pl.LightningModule()
    with pytest.raises(SettingsError, match="StopWhenStable has nothing to look at"):
        StopWhenStable(2).on_fit_start(pl.Trainer(logger=False, default_root_dir=tmp_path), module)
    with pytest.raises(SettingsError, match="`epochs` of StopWhenStable must be at least 1, got 0"):
        StopWhenStable(0)


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
        callbacks = [LastCheckpoint(folder), StopWhenStable(3)]
        return toy_fit(module, folder, 50, 10, enable_checkpointing=True, callbacks=callbacks)


# --- refusals -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OneLevel, TwoLevels, Unrolled])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"relaxation": RandomOneHot()}, "moves logits by a gradient, but under the `relaxation` RandomOneHot they have none.*RandomPaths"),
        ({"warmup_epochs": -1}, "`warmup_epochs` must be at least 0, got -1"),
    ],
)
def test_strategies_that_are_refused(kind: type[GradientStrategy], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        kind(**arguments)


@pytest.mark.parametrize("name", ["warmup_epochs", "temperature", "penalties", "architecture_optimizer", "order", "relaxation"])
def test_random_paths_take_nothing_that_acts_on_logits(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        RandomPaths(**{name: None})


@pytest.mark.parametrize("name", ["weight_relaxation", "architecture_losses", "order", "architecture_statistics"])
def test_one_level_takes_nothing_of_a_second(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        OneLevel(**{name: None})


def test_weight_steps_may_draw_at_random_while_logits_learn(tmp_path: Path) -> None:
    module = toy_module(toy_strategy(weight_relaxation=RandomOneHot(), architecture_optimizer=FAST))
    toy_fit(module, tmp_path)
    assert module.derive().choices == BEST


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (WarmupMultiStep((30, 45)), r"`model.init_args.optimizer.init_args.schedule` .* takes 46 epochs .* `trainer.max_epochs` is 4"),
        (WarmupMultiStep((), warmup_epochs=5), "takes 5 epochs"),
        (WarmupCosine(5), r"\(WarmupCosine\) takes 5 epochs"),
    ],
)
def test_a_schedule_longer_than_the_run_is_refused(schedule: Schedule, message: str, tmp_path: Path) -> None:
    module = toy_module(optimizer=Adam(schedule=schedule))
    with pytest.raises(SettingsError, match=message):
        toy_fit(module, tmp_path, epochs=4)
    assert forwards(module) == 0


def test_a_schedule_of_the_logits_longer_than_the_run_is_refused(tmp_path: Path) -> None:
    module = toy_module(toy_strategy(architecture_optimizer=Adam(schedule=WarmupCosine(5))))
    message = r"`model.init_args.strategy.init_args.architecture_optimizer.init_args.schedule`"
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
    with pytest.raises(SettingsError, match="needs rows for both of its steps"):
        toy_fit(toy_module(), tmp_path, plain=True)


def test_losses_that_need_classes_are_refused_for_people_without_one() -> None:
    module = toy_module(toy_strategy(architecture_losses=[ToyLoss(), CrossEntropy()]))
    data = SimpleNamespace(search_split="identity")
    trainer = SimpleNamespace(max_epochs=4, precision="32-true", fast_dev_run=False, sanity_checking=False, datamodule=data)
    module._trainer = trainer  # type: ignore[assignment]  # all that the checks look at
    with pytest.raises(SettingsError, match="`architecture_losses` has ce, which needs classes"):
        module.on_fit_start()
    data.search_split = "image"
    module.on_fit_start()
