"""Time that a run spends beside its steps; ``pytest -n 0 tests/benchmarks/test_host_speed.py``.

CPU time of one thread. Every measurement of a round runs in the same process, one after the other.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn
from torch.utils.data import DataLoader

import vireid
from tests.benchmarks.conftest import Ratio
from tests.benchmarks.test_norm_speed import one_thread  # noqa: F401  # a fixture
from vireid.commands.logger import RunLogger
from vireid.data import FlipShiftAugmentation
from vireid.losses import LossInputs, LossSum
from vireid.search import BNSeparation
from vireid.structures import Batch
from vireid.tasks import SGD, LastCheckpoint, ProgressLine, SafeCheckpointIO
from vireid.tasks.recipes import cm_nas_losses

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS, SKIPPED, ROUNDS = 60, 10, 9
DEMO_STEPS, EPOCHS = 20, 8
QUIET: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


class StepClock(pl.Callback):
    """CPU time between two steps of one epoch, the first ones aside."""

    def __init__(self) -> None:
        self.started, self.seconds = 0.0, 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == SKIPPED:
            self.started = time.process_time()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seconds = (time.process_time() - self.started) / (batch_idx + 1 - SKIPPED) if batch_idx > SKIPPED else 0.0


def batches() -> list[Batch]:
    generator, labels = torch.Generator().manual_seed(0), torch.arange(2).repeat_interleave(2).repeat(2)
    modalities, rows = torch.arange(2).repeat_interleave(4), torch.arange(8)
    images = [torch.rand(8, 3, 32, 16, generator=generator) for _ in range(STEPS)]
    return [Batch(image, labels, labels, labels, modalities, rows, 4, (0, 0, 0, n, 0), 2) for n, image in enumerate(images)]


def tiny() -> vireid.RetrainModule:
    return vireid.RetrainModule(6, "all_shared", BNSeparation("resnet10", width=8), weights=None, optimizer=SGD())


def loss_of(losses: LossSum, network: nn.Module, batch: Batch) -> Tensor:
    output = network(batch.images, batch.n_visible)
    rows = (output.features, output.embeddings, output.logits, batch.labels, batch.n_visible, batch.images_per_identity)
    total: Tensor = losses(LossInputs(*rows))[0]
    return total


class Bare(pl.LightningModule):
    """The least that Lightning takes: one loss, one value that is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.losses = tiny().network, LossSum(cm_nas_losses())

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = loss_of(self.losses, self.network, batch)
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return SGD().build(self.network.named_parts())


def fit(module: pl.LightningModule, loader: DataLoader[Any]) -> float:
    clock = StepClock()
    pl.Trainer(max_epochs=1, accelerator="cpu", callbacks=[clock], **QUIET).fit(module, loader)
    return clock.seconds


def loop(loader: DataLoader[Any]) -> float:
    network, losses = tiny().network, LossSum(cm_nas_losses())
    optimizer, started = SGD().build(network.named_parts()), 0.0
    for number, batch in enumerate(loader):
        if number == SKIPPED:
            started = time.process_time()
        optimizer.zero_grad()
        loss_of(losses, network, batch).backward()
        optimizer.step()
    return (time.process_time() - started) / (STEPS - SKIPPED)


def test_step(benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """Retraining of a network so small that what Lightning and we do beside it counts."""
    loader = DataLoader(batches(), batch_size=None)  # type: ignore[arg-type]  # a list is a data set
    runs: dict[str, Callable[[], float]] = {
        "loop": lambda: loop(loader),
        "bare": lambda: fit(Bare(), loader),
        "ours": lambda: fit(tiny(), loader),
    }
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            took[name].append(run())
    benchmark.pedantic(runs["ours"], rounds=1)
    middle = {name: 1000 * statistics.median(times) for name, times in took.items()}
    print("\nmilliseconds of a step: " + ", ".join(f"{name} {value:.2f}" for name, value in middle.items()))
    beyond = statistics.median(ours - alone for ours, alone in zip(took["ours"], took["loop"], strict=True))
    ratio("host: milliseconds of a step beyond a bare loop", 1000 * beyond, 2.0)
    over = statistics.median(ours / bare for ours, bare in zip(took["ours"], took["bare"], strict=True))
    ratio("host: step / step of a bare LightningModule", over, 1.3)


class EpochClock(pl.Callback):
    """CPU time of every epoch, with its checkpoint and the rows of its logger, over that of the steps in it."""

    def __init__(self) -> None:
        self.ratios: list[float] = []
        self.inside, self.began = 0.0, 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, whose time is that of steps."""

        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            found = function(*args, **kwargs)
            self.inside += time.process_time() - start
            return found

        return call

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        now = time.process_time()
        if self.inside:
            self.ratios.append((now - self.began) / self.inside)
        self.inside, self.began = 0.0, now


def test_epoch(tmp_path: Path, benchmark: BenchmarkFixture, ratio: Ratio, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the size of the demonstration, with its logger, its line and its checkpoints.

    A step is what a training script does from images in memory to moved weights: augmentation, loss, gradients, optimiser.
    """
    people = {"identities": 48, "test_identities": 8, "images": 3, "height": 64, "width": 32}
    batch = {"identities_per_batch": 16, "images_per_identity": 2, "augmentation": FlipShiftAugmentation(), "num_workers": 0}
    data = vireid.SyntheticDataModule(tmp_path / "people", **people, **batch, cache_images=True)  # type: ignore[arg-type]
    module = vireid.RetrainModule(40, "all_shared", BNSeparation("resnet10", width=32), weights=None, optimizer=SGD())
    clock = EpochClock()
    monkeypatch.setattr(data, "on_after_batch_transfer", clock.timed(data.on_after_batch_transfer))
    monkeypatch.setattr(module, "optimizer_step", clock.timed(module.optimizer_step))
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        limit_train_batches=DEMO_STEPS,
        accelerator="cpu",
        logger=RunLogger(tmp_path / "run"),
        callbacks=[clock, ProgressLine(), LastCheckpoint(tmp_path / "run" / "checkpoints")],
        plugins=[SafeCheckpointIO()],
        enable_model_summary=False,
        log_every_n_steps=DEMO_STEPS,
    )
    benchmark.pedantic(lambda: trainer.fit(module, datamodule=data), rounds=1)
    print("\nepochs over their steps: " + ", ".join(f"{value:.3f}" for value in clock.ratios))
    ratio("host: epoch of the demonstration / its steps", statistics.median(clock.ratios[1:]), 1.10)
