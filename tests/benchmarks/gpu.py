"""Training and search steps of a ResNet-50 on one GPU, as a Markdown table: ``python -m tests.benchmarks.gpu``.

Batches of P16 x K4 in both modalities: 128 images of 256 x 128. Ours are steps of a ``fit`` with the options that its row names; the loops
of the public code stand beside them, in float32 as published. cuDNN looks for the fastest kernels in all rows. A row that fails says why,
and the others follow. No row begins after six minutes, and none goes on after seven and a half.

It needs torch, torchvision, pytorch-lightning and rich, and no test package. For a machine without a network, collect what it lacks where
there is one, for its version of Python, and carry it beside the tree (5 MB, and the tree 14 MB)::

    pip download --only-binary=:all: --python-version 3.12 --no-deps -d wheels \\
        pytorch-lightning torchmetrics lightning-utilities fsspec rich markdown-it-py mdurl pygments packaging tqdm pyyaml typing-extensions

There, with torch and torchvision installed::

    pip install --no-index --no-deps --target site wheels/*.whl && PYTHONPATH=site python -m tests.benchmarks.gpu
"""

from __future__ import annotations

import gc
import logging
import signal
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

import vireid
from tests.benchmarks.machine import commit, machine
from tests.benchmarks.plain_loops import PlainAGW, PlainCMNAS, PlainLoop
from tests.benchmarks.systems import CLASSES, agw, batches, cm_nas
from vireid.commands.trainer import Trainer
from vireid.models import build_resnet
from vireid.search import BNSeparation, JointNorm
from vireid.structures import Batch, SearchBatch
from vireid.tasks import OneLevel, ReIDModule, TwoLevels
from vireid.terminal import say

LAST_START, LAST_STEP = 360.0, 450.0  # seconds after which no row begins, and none goes on
LONGEST = 150.0  # seconds of one row
SHOWN = 160  # letters of an error
SKIPPED, TIMED, TIMED_LOOP = 4, 12, 8  # steps
QUIET: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
COLUMNS = ("what", "ms a step", "images/s", "times the plain loop", "peak GiB", "TFLOP/s", "share of the roof")
RATES = [1e-3, 1e-2, 1e-2]


@dataclass(frozen=True)
class Sizes:
    """Of one batch: rows of each modality, images of an identity, pixels.

    Raises:
        ValueError: a batch of one identity, in which no triplet has a negative.
    """

    rows: int = 64
    images: int = 4
    height: int = 256
    width: int = 128

    def __post_init__(self) -> None:
        if self.rows < 2 * self.images:
            raise ValueError(f"A batch needs two identities or more; {self.rows} rows of {self.images} images are fewer.")


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes:
        name: of the row.
        build: the task, of the options of how a network runs.
        searches: whether its batches have rows for architecture steps too.
        precision: of the Trainer.
        tf32: whether float32 products may be rounded to TF32.
        options: of how the network runs.
        loop: name of the row that it is compared with.
    """

    name: str
    build: Callable[..., ReIDModule]
    searches: bool = False
    precision: Any = "32-true"
    tf32: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    loop: str = "plain loop, CM-NAS"


class Clock(pl.Callback):
    """Seconds of a step, after the first ones."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx + 1 in (SKIPPED, SKIPPED + TIMED):
            self.marks.append(now())

    @property
    def seconds(self) -> float:
        return (self.marks[1] - self.marks[0]) / TIMED


def now() -> float:
    """The time at which all that was asked of the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


LAST: dict[str, Any] = {"channels_last": True}
FORMATS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("32-true", {}),
    ("TF32", {"tf32": True}),
    ("bf16-mixed", {"precision": "bf16-mixed"}),
    ("bf16-mixed, channels_last", {"precision": "bf16-mixed", "options": LAST}),
    ("16-mixed, channels_last", {"precision": "16-mixed", "options": LAST}),
)
COMPILED = ("bf16-mixed, channels_last, compiled", {"precision": "bf16-mixed", "options": {**LAST, "compile": True}})
RECOMPUTED = (
    "bf16-mixed, channels_last, activation_checkpointing",
    {"precision": "bf16-mixed", "options": {**LAST, "activation_checkpointing": True}},
)


def cases() -> Iterator[Case]:
    """Rows, the most telling ones first, and those that take minutes to compile last."""

    def searched(space: Any, strategy: Callable[[], Any]) -> Callable[..., ReIDModule]:
        return lambda **options: vireid.SearchModule(CLASSES, space, weights=None, strategy=strategy(), **options)

    systems: dict[str, tuple[Callable[..., ReIDModule], dict[str, Any]]] = {
        "CM-NAS": (cm_nas, {}),
        "AGW": (agw, {"loop": "plain loop, AGW"}),
        "search, BN alternating": (searched(BNSeparation(), lambda: TwoLevels(warmup_epochs=0)), {"searches": True}),
        "search, joint one level": (searched(JointNorm(), lambda: OneLevel(warmup_epochs=0)), {}),
    }
    for name, (build, about) in systems.items():
        for words, settings in FORMATS:
            yield Case(f"{name}, {words}", build, **about, **settings)
    for name, (words, settings) in (("CM-NAS", RECOMPUTED), ("CM-NAS", COMPILED), ("search, joint one level", COMPILED)):
        build, about = systems[name]
        yield Case(f"{name}, {words}", build, **about, **settings)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Inside, work ends with a :class:`TimeoutError` after so many seconds, and again every ten, for what swallows the first."""

    def end(*_: object) -> None:
        raise TimeoutError(f"it took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1), 10.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def products(tf32: bool) -> Iterator[None]:
    """Inside, cuDNN looks for the fastest kernels, and float32 products are exact or TF32."""
    before = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, tf32, tf32
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def roof(device: torch.device, dtype: torch.dtype, tf32: bool, side: int) -> float:
    """TFLOP/s of the product of two large matrices."""
    first, second = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    times = []
    with products(tf32):
        for _ in range(6):
            start = now()
            first @ second
            times.append(now() - start)
    return 2 * side**3 / statistics.median(times[1:]) / 1e12


def timed_loop(loop: Any, given: list[Batch]) -> float:
    """Seconds of a step of a plain loop."""
    with products(tf32=False):
        for one in given[:SKIPPED]:
            loop.step(one)
        start = now()
        for one in given[SKIPPED : SKIPPED + TIMED_LOOP]:
            loop.step(one)
        return (now() - start) / TIMED_LOOP


def timed_fit(case: Case, given: list[Batch], device: torch.device, folder: str) -> float:
    """Seconds of a step of a ``fit``."""
    module, clock = case.build(**case.options), Clock()
    rows: Any = [SearchBatch(one, one) if case.searches else one for one in given]
    loader: DataLoader[Any] = DataLoader(rows, batch_size=None)
    with products(case.tf32):
        trainer = Trainer(
            max_epochs=1,
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            precision=case.precision,
            benchmark=True,
            tf32=case.tf32,
            callbacks=[clock],
            default_root_dir=folder,
            **QUIET,
        )
        trainer.fit(module, loader)
    return clock.seconds


def operations(sizes: Sizes) -> float:
    """Floating-point operations of a plain step, in units of 10^12."""
    with torch.device("meta"):
        network, images = build_resnet("resnet50"), torch.empty(2 * sizes.rows, 3, sizes.height, sizes.width)
    with FlopCounterMode(display=False) as counter:
        network(images)
    return float(3 * counter.get_total_flops() / 1e12)


class Table:
    """Rows of measured steps, printed as they come.

    Args:
        sizes: of the batches.
        device: that runs the steps.
    """

    def __init__(self, sizes: Sizes, device: torch.device) -> None:
        self.began, self.device, self.images = time.monotonic(), device, 2 * sizes.rows
        self.given = [one.to(device) for one in batches(SKIPPED + TIMED, sizes.rows, sizes.images, sizes.height, sizes.width)]
        self.work = operations(sizes)
        side = 8192 if device.type == "cuda" else 256
        kinds = ((torch.float32, False), (torch.float32, True), (torch.bfloat16, True))
        self.roofs = {kind: roof(device, *kind, side) for kind in kinds}
        self.loops: dict[str, float] = {}

    def begin(self) -> None:
        """Print what is measured, and on what."""
        say(f"{machine()}, {date.today().isoformat()}, commit {commit() or 'not known'}")
        say(f"Batches of {self.images} images, {self.work:.2f} TFLOP in a plain step")
        tops = ", ".join(f"{str(dtype)[6:]}{' as TF32' if tf32 else ''} {top:.1f}" for (dtype, tf32), top in self.roofs.items())
        say(f"Roof, the product of two large matrices, TFLOP/s: {tops}\n")
        say(f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}")

    def loop(self, name: str, build: Callable[[Any, list[float]], PlainLoop], task: Callable[[], ReIDModule]) -> None:
        """A row of a plain loop."""

        def measured() -> float:
            return timed_loop(build(task().network.to(self.device), RATES), self.given)

        self.loops[name] = self._row(name, measured, self.work / self.roofs[torch.float32, False], 1, None)

    def fit(self, case: Case, folder: str) -> None:
        """A row of ours, if there is time left."""
        if time.monotonic() - self.began > LAST_START:
            say(f"| {case.name} | no time left |{' |' * (len(COLUMNS) - 2)}")
            return
        dtype, passes = torch.float32 if case.precision == "32-true" else torch.bfloat16, 2 if case.searches else 1
        shortest = passes * self.work / self.roofs[dtype, case.tf32 or dtype == torch.bfloat16]
        self._row(case.name, lambda: timed_fit(case, self.given, self.device, folder), shortest, passes, self.loops.get(case.loop))

    def _row(self, name: str, measured: Callable[[], float], shortest: float, passes: int, loop: float | None) -> float:
        gc.collect()  # the network of the last row
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        left = LAST_STEP - (time.monotonic() - self.began)
        try:
            with limited(min(left, LONGEST)):
                seconds = measured()
        except Exception as error:  # what cannot run must not cost the other rows
            say(f"| {name} | {type(error).__name__}: {' '.join(str(error).split())[:SHOWN]} |{' |' * (len(COLUMNS) - 2)}")
            return float("nan")
        peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else float("nan")
        cells = (1000 * seconds, self.images / seconds, (loop or seconds) / seconds, peak, passes * self.work / seconds, shortest / seconds)
        say(f"| {name} | " + " | ".join(f"{cell:.{places}f}" for cell, places in zip(cells, (1, 0, 2, 1, 1, 2), strict=True)) + " |")
        return seconds


def main(sizes: Sizes | None = None, wanted: Callable[[str], bool] = bool) -> None:
    """Print the table, or that there is no GPU.

    Args:
        sizes: of other batches, which are measured without a GPU too.
        wanted: whether a row is measured, by its name; default all.
    """
    if sizes is None and not torch.cuda.is_available():
        say("There is no GPU here, so nothing was measured. Run this script on a machine with one.")
        return
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    warnings.filterwarnings("error", message="The network cannot be compiled")  # the row would tell the time of another network
    table = Table(sizes or Sizes(), torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    table.begin()
    table.loop("plain loop, CM-NAS", PlainCMNAS, cm_nas)
    table.loop("plain loop, AGW", PlainAGW, agw)
    with tempfile.TemporaryDirectory() as folder:
        for case in filter(lambda case: wanted(case.name), cases()):
            table.fit(case, folder)


if __name__ == "__main__":
    main()
