"""Means over an epoch against Lightning's own, which it logs value by value and batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from tests.tasks.search.toy import ToyLoss, ToySpace, toy_strategy
from vireid.structures import Batch, SearchBatch
from vireid.tasks import SearchModule
from vireid.tasks.epoch_means import EpochMeans

NAMES = {"train/loss", "train/toy", "search/architecture_loss", "search/toy"}


class LoggedTwice(SearchModule):
    """Has Lightning average the same values under other names."""

    def log_means(self, values: Mapping[str, Tensor], batch: Batch) -> None:
        super().log_means(values, batch)
        for name, value in values.items():
            self.log(f"lightning/{name}", value, on_step=False, on_epoch=True, batch_size=len(batch))


class Seen(pl.Callback):
    """What callbacks are told at the end of every epoch, and what the progress bar shows."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, Tensor]] = []
        self.bars: list[set[str]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append(dict(trainer.callback_metrics))
        self.bars.append(set(trainer.progress_bar_metrics))


def batch(count: int) -> Batch:
    one, rows = torch.zeros(count, dtype=torch.int64), torch.arange(count)
    return Batch(torch.zeros(count, 3, 1, 1), one, one, one, one, rows, count)


def module(kind: type[SearchModule] = LoggedTwice) -> SearchModule:
    return kind(2, ToySpace(), None, [ToyLoss()], strategy=toy_strategy(warmup_epochs=1))


def fit(task: SearchModule, path: Path, **length: Any) -> tuple[pl.Trainer, Seen]:
    """Batches of 2 to 5 rows in the weight step, and of 5 to 2 in the architecture step."""
    seen = Seen()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pl.Trainer(max_epochs=3, accelerator="cpu", callbacks=[seen], default_root_dir=path, **quiet, **length)  # type: ignore[arg-type]
    trainer.fit(task, DataLoader([SearchBatch(batch(2 + n), batch(5 - n)) for n in range(4)], batch_size=None))  # type: ignore[arg-type]
    return trainer, seen


def check(found: Mapping[str, Tensor], names: set[str]) -> None:
    assert {name for name in found if name.startswith(("train/", "search/")) and f"lightning/{name}" in found} == names
    for name in names:
        assert torch.equal(found[name], found[f"lightning/{name}"]), name


def test_equal_to_lightnings_means_bit_by_bit_and_as_early(tmp_path: Path) -> None:
    trainer, seen = fit(module(), tmp_path)
    assert len(seen.epochs) == 3
    check(seen.epochs[0], {"train/loss", "train/toy"})  # the warm-up
    for epoch in (*seen.epochs[1:], trainer.callback_metrics):
        check(epoch, NAMES)
    assert len({float(epoch["train/loss"]) for epoch in seen.epochs}) == 3
    assert all("train/loss" in bar and "train/toy" not in bar for bar in seen.bars)


def test_an_epoch_that_ends_early_is_logged_too(tmp_path: Path) -> None:
    trainer, _ = fit(module(), tmp_path, max_steps=8)  # four steps in the first epoch, then two in each batch
    assert trainer.fit_loop.epoch_loop.batch_progress.current.ready == 2
    check(trainer.callback_metrics, NAMES)


class BreaksOff(LoggedTwice):
    """Fails once, in the middle of an epoch."""

    broken = False

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_end(outputs, batch, batch_idx)
        if batch_idx == 1 and not self.broken:
            self.broken = True
            raise RuntimeError("broken off")


def test_a_run_that_broke_off_leaves_nothing_behind(tmp_path: Path) -> None:
    task = module(BreaksOff)
    with pytest.raises(RuntimeError, match="broken off"):
        fit(task, tmp_path)
    _, seen = fit(task, tmp_path)
    check(seen.epochs[0], {"train/loss", "train/toy"})


def test_half_precision_is_added_up_in_float32() -> None:
    means = EpochMeans()
    for _ in range(300):
        means.add({"loss": torch.tensor(1.0, dtype=torch.bfloat16)}, 1)
    assert means.pop()["loss"] == 1.0  # in bfloat16 256 + 1 is 256
