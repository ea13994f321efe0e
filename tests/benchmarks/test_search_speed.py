"""Batches of a search against training steps of a child; ``pytest -n 0 tests/benchmarks/test_search_speed.py``.

ResNet-50, 16 visible and 16 infrared images of 128 x 64 in every pass. The norms of the child are all shared. It is trained with the
optimiser of the searches, and with an average of its weights. All are runs of ``fit`` that take turns, a batch each, in one process. Times
are CPU times of one thread, or wall times on a GPU.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.utils.data import DataLoader

import vireid
from tests.benchmarks.conftest import Ratio
from tests.benchmarks.systems import CLASSES, batches
from tests.benchmarks.test_host_speed import QUIET
from tests.benchmarks.test_norm_speed import now, one_thread  # noqa: F401  # a fixture
from tests.benchmarks.test_official_speed import INTERVAL, PAIRS, SKIPPED
from vireid.search import BNSeparation, JointNorm, SearchSpace
from vireid.structures import SearchBatch
from vireid.tasks import EMA, OneLevel, ReIDModule, TwoLevels
from vireid.tasks.recipes import cm_nas_search_optimizer
from vireid.tasks.search.strategies import Strategy

pytestmark = pytest.mark.usefixtures("one_thread")


class Turns:
    """Lets runs of ``fit`` work one after the other, a batch each.

    Args:
        count: of the runs.
    """

    def __init__(self, count: int) -> None:
        self.count, self.turn, self.free = count, 0, threading.Condition()
        self.failed: BaseException | None = None

    def wait(self, number: int) -> None:
        with self.free:
            self.free.wait_for(lambda: self.turn % self.count == number or self.failed is not None)
            if self.failed is not None:
                raise RuntimeError("Another run failed.") from self.failed

    def end(self) -> None:
        with self.free:
            self.turn += 1
            self.free.notify_all()


class Runner(pl.Callback):
    """One of the runs, in a thread of its own; keeps the seconds of its batches."""

    def __init__(self, turns: Turns, number: int, module: ReIDModule, searches: bool) -> None:
        self.turns, self.number, self.module = turns, number, module
        self.seconds: list[float] = []
        given = [SearchBatch(one, one) if searches else one for one in batches(PAIRS + SKIPPED)]
        self.loader: Any = DataLoader(given, batch_size=None)  # type: ignore[arg-type]  # a list is a data set
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        torch.set_num_threads(1)
        try:
            self.turns.wait(self.number)
            with tempfile.TemporaryDirectory() as folder:
                pl.Trainer(max_epochs=1, callbacks=[self], devices=1, default_root_dir=folder, **QUIET).fit(self.module, self.loader)
        except BaseException as error:
            self.turns.failed = self.turns.failed or error
        finally:
            self.turns.end()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx:
            self.turns.wait(self.number)
        self.began = now()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seconds.append(now() - self.began)
        if batch_idx + 1 < PAIRS + SKIPPED:
            self.turns.end()


def seconds_of(modules: Mapping[str, tuple[ReIDModule, bool]]) -> dict[str, list[float]]:
    """Seconds of every batch, the first ones aside."""
    turns = Turns(len(modules))
    runners = [Runner(turns, number, module, searches) for number, (module, searches) in enumerate(modules.values())]
    for runner in runners:
        runner.thread.start()
    for runner in runners:
        runner.thread.join()
    if turns.failed is not None:
        raise turns.failed
    return {name: runner.seconds[SKIPPED:] for name, runner in zip(modules, runners, strict=True)}


def search(space: SearchSpace, strategy: Strategy) -> ReIDModule:
    return vireid.SearchModule(CLASSES, space, None, optimizer=cm_nas_search_optimizer(), strategy=strategy)


def test_batches_of_a_search(benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    child = vireid.RetrainModule(CLASSES, "all_shared", JointNorm(), None, optimizer=cm_nas_search_optimizer(), ema=EMA())
    joint, separation = JointNorm(), BNSeparation()
    modules: dict[str, tuple[ReIDModule, bool]] = {
        "child": (child, False),
        "joint, one level": (search(joint, OneLevel(warmup_epochs=0)), False),
        "joint, two levels": (search(joint, TwoLevels(warmup_epochs=0)), True),
        "BN separation, two levels": (search(separation, TwoLevels(warmup_epochs=0)), True),
    }
    seconds = benchmark.pedantic(lambda: seconds_of(modules), rounds=1)
    medians = {}
    for name in list(modules)[1:]:
        found = sorted(one / base for one, base in zip(seconds[name], seconds["child"], strict=True))
        medians[name], (low, *_, high) = statistics.median(found), found[INTERVAL]
        print(f"\n{name}: batch / step of a child {medians[name]:.3f} ({low:.3f} to {high:.3f})")
    for name, goal in zip(medians, (1.15, 1.9, 1.9), strict=True):
        ratio(f"search: batch of {name} / step of a child with the same optimiser and an average", medians[name], goal)
