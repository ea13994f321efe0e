"""What a strategy may do beyond its steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.tasks.search.toy import BEST, ToyLoss, toy_fit, toy_module, toy_strategy
from vireid.errors import SettingsError
from vireid.structures import Batch, Genotype, SearchBatch
from vireid.tasks import LastCheckpoint, OneLevel, RandomPaths, SearchModule, SearchRun, TwoLevels, Unrolled

FIRST = {"a": "x", "b": "x", "c": "x", "d": "x", "e": "x"}


class Counting(RandomPaths):
    """Counts batches in the first half of a run, and names choices by the count."""

    count: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor(0))
        self.ends: list[int] = []

    def step(self, run: SearchRun, batch: SearchBatch | Batch, batch_idx: int) -> None:
        super().step(run, batch, batch_idx)
        self.count += 1

    def epoch_ended(self, run: SearchRun) -> None:
        self.ends.append(run.current_epoch)

    def choices(self, run: SearchRun) -> Mapping[str, str]:
        return FIRST if self.count < 15 else BEST


class PowerCut(pl.Callback):
    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == (2, 3):
            raise KeyError("power cut")


def test_a_strategy_keeps_its_state_acts_at_ends_of_epochs_and_names_choices(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    callbacks = [LastCheckpoint(tmp_path, 2), PowerCut()]
    with pytest.raises(KeyError, match="power cut"):
        toy_fit(toy_module(first), tmp_path, 4, 5, enable_checkpointing=True, callbacks=callbacks)
    assert first.ends == [0, 1]
    assert Genotype.load(tmp_path / "genotype.json").choices == FIRST, "10 batches"
    module = toy_module(second)
    fit = pl.Trainer.fit
    with pytest.MonkeyPatch.context() as patch:
        resumed = lambda self, *args: fit(self, *args, ckpt_path=str(tmp_path / "last.ckpt"), weights_only=True)  # noqa: E731
        patch.setattr(pl.Trainer, "fit", resumed)
        toy_fit(module, tmp_path, 4, 5, enable_checkpointing=True, callbacks=[LastCheckpoint(tmp_path)])
    assert second.count == 20, "as many as one run without a cut"
    assert second.ends == [2, 3]
    assert module.derive().choices == Genotype.load(tmp_path / "genotype.json").choices == BEST
    assert module.state_dict()["strategy.count"] == 20


def test_losses_that_need_classes_are_left_out_where_nobody_says_that_people_have_one(tmp_path: Path) -> None:
    """A bare loader has no split: its architecture rows may show people whom the classifier does not know."""
    module = toy_module(losses=[ToyLoss(), ToyLoss(name="classes", needs_classes=True)], strategy=toy_strategy())
    trainer = toy_fit(module, tmp_path, 1, 2)
    assert {"train/toy", "train/classes", "search/toy"} <= set(trainer.callback_metrics)
    assert "search/classes" not in trainer.callback_metrics


def test_networks_and_logits_keep_their_names() -> None:
    for strategy in (TwoLevels(), OneLevel(), RandomPaths()):
        assert {name.partition(".")[0] for name in toy_module(strategy).state_dict()} == {"network", "architecture"}
        assert "architecture.logits" in toy_module(strategy).state_dict()


def test_random_paths_have_one_optimiser(tmp_path: Path) -> None:
    trainer = toy_fit(toy_module(RandomPaths()), tmp_path, 1, 3)
    assert len(trainer.optimizers) == 1
    assert trainer.global_step == 3
    assert "search/temperature" not in trainer.callback_metrics


@pytest.mark.parametrize("kind", [TwoLevels, Unrolled])
def test_an_order_that_does_not_exist_is_refused(kind: type[TwoLevels]) -> None:
    with pytest.raises(SettingsError, match=r"`order` must be .*, got 'sideways'"):
        kind(order="sideways")  # type: ignore[arg-type]


def test_old_flags_are_refused_by_name() -> None:
    for name in ("level", "temperature_decay", "cost_weight", "order", "derivation_score", "stop_when_stable"):
        with pytest.raises(TypeError, match=f"SearchModule has no argument `{name}`"):
            SearchModule(2, **{name: "three"})
