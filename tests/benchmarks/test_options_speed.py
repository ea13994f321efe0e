"""Options of how a network runs against the network as it is; ``pytest -n 0 tests/benchmarks/test_options_speed.py``.

Training steps of ResNet-50, and steps of a joint supernet over it whose mixture has a gradient, on 32 images of 128 x 64. Compiled networks
are ResNet-10, which torch traces in a minute. Steps of both alternate. CPU time of one thread, or wall time on a GPU.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

import vireid
from tests.benchmarks.conftest import Ratio
from tests.benchmarks.systems import CLASSES, batches
from tests.benchmarks.test_norm_speed import now, one_thread  # noqa: F401  # a fixture
from vireid.search import BNSeparation, JointNorm
from vireid.structures import Batch
from vireid.tasks import Adam, ReIDModule

pytestmark = pytest.mark.usefixtures("one_thread")
PAIRS, SKIPPED = 9, 1


def child(name: str = "resnet50", fused: bool = False, **options: Any) -> ReIDModule:
    return vireid.RetrainModule(CLASSES, "random-0", BNSeparation(name), None, optimizer=Adam(fused=fused), **options)


def supernet(name: str = "resnet50", **options: Any) -> ReIDModule:
    return vireid.SearchModule(CLASSES, JointNorm(name), None, optimizer=Adam(), **options)


class Steps:
    """Training steps of a task.

    Args:
        task: its network runs as its options say.
        bf16: whether in mixed precision.
    """

    def __init__(self, task: ReIDModule, bf16: bool = False) -> None:
        self.task, self.bf16 = task.train(), bf16
        self.optimizer = task.optimizer.build(task.network.named_parts())
        self.mixture: torch.Tensor | None = None
        task.running.begin(task.network)
        if isinstance(task, vireid.SearchModule):
            self.mixture = torch.full((len(task.supernet.sites), 5), 0.2, requires_grad=True)
            task.supernet.set_mixture(self.mixture, dense=True)

    def __call__(self, batch: Batch) -> float:
        """The loss."""
        with torch.autocast("cpu", torch.bfloat16) if self.bf16 else nullcontext():
            loss, _ = self.task.summed_loss(self.task.losses, self.task(batch), batch)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def kept(self, batch: Batch) -> int:
        """Bytes of activations that a step keeps for its backward pass."""
        own = {weight.untyped_storage().data_ptr() for weight in (*self.task.parameters(), *self.task.buffers())}
        found: dict[int, int] = {}

        def note(value: torch.Tensor) -> torch.Tensor:
            storage = value.untyped_storage()
            if storage.data_ptr() not in own:
                found[storage.data_ptr()] = storage.nbytes()
            return value

        hooks: AbstractContextManager[None] = torch.autograd.graph.saved_tensors_hooks(note, lambda value: value)
        with hooks:
            loss, _ = self.task.summed_loss(self.task.losses, self.task(batch), batch)
        del loss
        return sum(found.values())


CASES: dict[str, tuple[Callable[[], Steps], Callable[[], Steps]]] = {
    "channels_last": (lambda: Steps(child()), lambda: Steps(child(channels_last=True))),
    "channels_last, joint supernet": (lambda: Steps(supernet()), lambda: Steps(supernet(channels_last=True))),
    "bf16-mixed": (lambda: Steps(child()), lambda: Steps(child(), bf16=True)),
    "fused Adam": (lambda: Steps(child()), lambda: Steps(child(fused=True))),
    "activation_checkpointing": (lambda: Steps(child()), lambda: Steps(child(activation_checkpointing=True))),
    "activation_checkpointing, joint supernet": (lambda: Steps(supernet()), lambda: Steps(supernet(activation_checkpointing=True))),
    "compile, ResNet-10": (lambda: Steps(child("resnet10")), lambda: Steps(child("resnet10", compile=True))),
    "compile, joint supernet of ResNet-10": (lambda: Steps(supernet("resnet10")), lambda: Steps(supernet("resnet10", compile=True))),
}


@pytest.mark.parametrize("name", CASES)
def test_option(name: str, benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    plain, other = (build() for build in CASES[name])
    given, found, losses = batches(PAIRS + SKIPPED), [], []

    def measure() -> None:
        for batch in given:
            times = []
            for steps in (plain, other):
                before = now()
                losses.append(steps(batch))
                times.append(now() - before)
            found.append(times[1] / times[0])

    benchmark.pedantic(measure, rounds=1)
    ratios = sorted(found[SKIPPED:])
    print(f"\n{name}: step / plain step {statistics.median(ratios):.3f} ({ratios[1]:.3f} to {ratios[-2]:.3f}); losses {losses[:4]}")
    ratio(f"option: {name}, time / plain step", statistics.median(ratios))
    if name.startswith("activation"):
        share = other.kept(given[0]) / plain.kept(given[0])
        ratio(f"option: {name}, kept activations / plain step", share, 0.5)
