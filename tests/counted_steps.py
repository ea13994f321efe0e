"""Operations that a step of a ``fit`` starts on ResNet-50: ``python -m tests.counted_steps``.

Forward and backward passes, losses, what is logged, and averages of weights count. The step of the optimiser does not: on a GPU it handles
all tensors together. Where a CPU has operations of its own, those of a GPU are counted.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytorch_lightning as pl
import torch
from torch.utils._python_dispatch import _disable_current_modes, _get_current_dispatch_mode_stack
from torch.utils.data import DataLoader

import vireid
from tests.operations import Operations
from vireid.nn.norm.equal_rows import EqualRows
from vireid.nn.norm.fused import Fused
from vireid.search import BNSeparation, JointNorm
from vireid.structures import Batch, SearchBatch
from vireid.tasks import EMA, OneLevel, TwoLevels

QUIET: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
CLASSES, ROWS, STEPS = 8, 4, 2
Build = Callable[[], pl.LightningModule]


def retrained(point: str, **options: Any) -> Build:
    return lambda: vireid.RetrainModule(CLASSES, point, BNSeparation(), weights=None, **options)


def searched(space: Callable[[], Any], strategy: Callable[..., Any]) -> Build:
    return lambda: vireid.SearchModule(CLASSES, space(), weights=None, strategy=strategy(warmup_epochs=0))


CASES: dict[str, Build] = {
    "plain": retrained("all_shared"),
    "CM-NAS, with its average": retrained("random-0", ema=EMA(mode="average")),
    "BN separation, alternating": searched(BNSeparation, TwoLevels),
    "BN separation, one level": searched(BNSeparation, OneLevel),
    "joint, alternating": searched(JointNorm, TwoLevels),
    "joint, one level": searched(JointNorm, OneLevel),
}
"""Name of a step to the task that does it. A batch of an alternating search is an architecture step and a weight step."""


def batch(number: int) -> Batch:
    labels = torch.arange(ROWS // 2).repeat_interleave(2).repeat(2)
    modalities, places = torch.arange(2).repeat_interleave(ROWS), torch.arange(2 * ROWS)
    images = torch.randn(2 * ROWS, 3, 32, 16, generator=torch.Generator().manual_seed(number))
    return Batch(images, labels, labels, labels, modalities, places, ROWS, (0, 0, 0, number, 0), 2)


class Counter(pl.Callback):
    """Counts the last step, because the first ones find what is kept.

    Attributes:
        operations: what that step started.
    """

    def __init__(self) -> None:
        self.operations = Operations()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx == STEPS - 1:
            self.operations.__enter__()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == STEPS - 1:
            self.operations.__exit__(None, None, None)


def _unstepped(optimizer: torch.optim.Optimizer, closure: Callable[[], Any] | None = None) -> Any:
    return None if closure is None else closure()


@contextmanager
def kernels(operations: Operations) -> Iterator[None]:
    """Inside, the algebra of a norm site counts as one operation each way, as on a GPU, and is done by the operations of a CPU."""

    def launched(name: str) -> Callable[..., Any]:
        def launch(self: Fused, *tensors: Any) -> Any:
            with _disable_current_modes():
                found = getattr(EqualRows(self.counts, self.pixels, self.eps), name)(*tensors)
            operations.counts["launch"] += any(mode is operations for mode in _get_current_dispatch_mode_stack())
            return found

        return launch

    made = {"suits": lambda x, coefficients: True, "forward": launched("forward"), "backward": launched("backward")}
    with mock.patch.multiple(Fused, **made):
        yield


def counted(case: str, fused: bool = False) -> Operations:
    """Operations of one step, on a GPU where kernels are fused or elsewhere."""
    counter, module = Counter(), CASES[case]()
    rows = [batch(number) for number in range(STEPS)]
    given: Any = [SearchBatch(one, one) for one in rows] if "alternating" in case else rows
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(mock.patch("torch.optim.Adam.step", _unstepped))
        stack.enter_context(mock.patch("vireid.nn.norm.moments.adds_vectors", return_value=False))  # as on a GPU
        if fused:
            stack.enter_context(kernels(counter.operations))
        trainer = pl.Trainer(max_epochs=1, accelerator="cpu", devices=1, callbacks=[counter], default_root_dir=folder, **QUIET)
        trainer.fit(module, DataLoader(given, batch_size=None))
    return counter.operations


def table() -> dict[str, list[int]]:
    """What ``configs/README.md`` says: before norm sites were mixed together, now, and with fused kernels where a step has any."""
    lines = (Path(__file__).parents[1] / "configs/README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: [int(cell.replace(",", "")) for cell in row[1:] if cell] for row in rows if row[0] in CASES}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for case in CASES:
        with_kernels = counted(case, fused=True).total if "level" in case or "alternating" in case else ""
        print(f"| {case} | {counted(case).total} | {with_kernels} |")
