"""Our training steps against those of the public code; ``pytest -n 0 tests/benchmarks/test_official_speed.py``.

ResNet-50, 16 visible and 16 infrared images of 128 x 64. Ours are steps of a ``fit``, with all that Lightning does in them. Batches of both
alternate within one run. CPU time of one thread, or wall time on a GPU.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
from pytest_benchmark.fixture import BenchmarkFixture
from torch.utils.data import DataLoader

from tests.benchmarks.conftest import Ratio
from tests.benchmarks.plain_loops import PlainAGW, PlainCMNAS, PlainLoop
from tests.benchmarks.systems import agw, batches, cm_nas
from tests.benchmarks.test_host_speed import QUIET
from tests.benchmarks.test_norm_speed import now, one_thread  # noqa: F401  # a fixture
from vireid.structures import Batch
from vireid.tasks import ReIDModule

pytestmark = pytest.mark.usefixtures("one_thread")
PAIRS, SKIPPED = 17, 2
INTERVAL = slice(3, 14)  # of 17 sorted ratios: the ends enclose the median with a probability of 0.987


class Pairs(pl.Callback):
    """Runs the step of a plain loop before each of ours.

    Args:
        build: the loop, of our network and of the learning rates of its three parts.
    """

    def __init__(self, build: Callable[[Any, list[float]], PlainLoop]) -> None:
        self.build, self.peer = build, None
        self.theirs: list[float] = []
        self.ours: list[float] = []
        self.losses: list[tuple[float, float]] = []

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Batch, batch_idx: int) -> None:
        if self.peer is None:
            rates = {group["name"]: group["lr"] for group in trainer.optimizers[0].param_groups}
            self.peer = self.build(pl_module.network, [rates[name] for name in ("trunk", "neck", "classifier")])
        before = now()
        self.loss = self.peer.step(batch)
        self.marked = now()
        self.theirs.append(self.marked - before)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.ours.append(now() - self.marked)
        self.losses.append((float(outputs["loss"]), self.loss))

    def ratios(self) -> list[float]:
        return sorted(ours / theirs for ours, theirs in zip(self.ours[SKIPPED:], self.theirs[SKIPPED:], strict=True))


@pytest.mark.parametrize(("name", "module", "loop"), [("CM-NAS", cm_nas, PlainCMNAS), ("AGW", agw, PlainAGW)], ids=["cm_nas", "agw"])
def test_step(name: str, module: Callable[[], ReIDModule], loop: type[PlainLoop], benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    pairs = Pairs(loop)
    trainer = pl.Trainer(max_epochs=1, callbacks=[pairs], devices=1, **QUIET)
    given = DataLoader(batches(PAIRS + SKIPPED), batch_size=None)  # type: ignore[arg-type]  # a list is a data set
    benchmark.pedantic(lambda: trainer.fit(module(), given), rounds=1)
    found = pairs.ratios()
    low, *_, high = found[INTERVAL]
    print(f"\n{name}: step / step of the public code {statistics.median(found):.3f} ({low:.3f} to {high:.3f})")
    print("losses, ours and theirs: " + ", ".join(f"{ours:.5f} {theirs:.5f}" for ours, theirs in pairs.losses[:3]))
    for ours, theirs in pairs.losses[:2]:
        assert ours == pytest.approx(theirs, rel=1e-4)
    ratio(f"step: {name} in a fit / plain loop of the public code", statistics.median(found), 1.02)
