"""The progress of a run on one line of the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from vireid.tasks.base import ReIDModule
from vireid.terminal import moving_console

EVERY = 0.5  # seconds between two drawings
LOSS = "train/loss"


class ProgressLine(ProgressBar):
    """Shows epoch, batches, speed, time left and values of a run on one line, in place of Lightning's progress bar.

    The loss is the mean over the epoch so far, from its first batch on. It is read from the device when the line is drawn, twice a second
    at most, so no step waits for it. Other values are those of the last epoch and of the last validation. A narrow terminal shortens
    the bar first, then the values. Without a terminal only the last state is printed.

    Example:
        >>> line = ProgressLine()
        >>> trainer = pl.Trainer(callbacks=[line], logger=False, enable_checkpointing=False)
        >>> trainer.progress_bar_callback is line
        True
    """

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._line: _Line | None = None

    def disable(self) -> None:
        """Show nothing, as on all ranks but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Show the line again."""
        self._enabled = True

    def values(self) -> dict[str, float]:
        """What stands at the end of the line while a network is trained, by name without ``train/`` and ``search/``."""
        if self.trainer.state.fn != "fit":
            return {}
        shown: dict[str, Any] = dict(self.trainer.progress_bar_metrics)
        module = self.trainer.lightning_module
        if isinstance(module, ReIDModule) and LOSS in (means := module.means_so_far()):
            shown = {LOSS: means[LOSS], **{name: value for name, value in shown.items() if name != LOSS}}
        return {name.removeprefix("train/").removeprefix("search/"): float(value) for name, value in shown.items()}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002 (interface)
        self._advance(self._epoch(), 0, self.total_train_batches)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        self._advance(self._epoch(), batch_idx + 1, self.total_train_batches)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not trainer.sanity_checking:
            self._advance(self.validation_description, batch_idx + 1, trainer.num_val_batches[dataloader_idx])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        if trainer.state.fn == "fit" and not trainer.sanity_checking:  # the epoch again, with what was found
            self._advance(self._epoch(), trainer.fit_loop.epoch_loop.batch_progress.current.ready, self.total_train_batches)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._advance(self.test_description, batch_idx + 1, trainer.num_test_batches[dataloader_idx])

    def on_predict_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._advance(self.predict_description, batch_idx + 1, trainer.num_predict_batches[dataloader_idx])

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002
        self._end()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        self._end()

    def _epoch(self) -> str:
        last = self.trainer.max_epochs
        return f"Epoch {self.trainer.current_epoch}" + (f"/{last - 1}" if last is not None and last > 0 else "")

    def _advance(self, stage: str, done: int, total: float) -> None:
        if self._enabled:
            self._line = self._line or _Line(self.values)
            self._line.advance(stage, done, total)

    def _end(self) -> None:
        if self._line is not None:
            self._line.end()
            self._line = None


class _Line:
    """One line, which is drawn when something has changed and the last drawing is some time ago."""

    def __init__(self, values: Callable[[], Mapping[str, float]]) -> None:
        bar = BarColumn(bar_width=None, table_column=Column(ratio=1))
        fixed = [MofNCompleteColumn(table_column=Column(no_wrap=True)), _Speed(), TimeRemainingColumn(compact=True)]
        columns = (TextColumn("{task.description}", markup=False), bar, *fixed, _Values(values))
        shown = moving_console()
        self._moves = shown.is_terminal or shown.is_jupyter
        self._progress = Progress(*columns, console=shown, auto_refresh=False, expand=True)
        self._task = self._progress.add_task("", total=None)
        self._stage = ""
        self._drawn = -EVERY
        if self._moves:
            self._progress.start()

    def advance(self, stage: str, done: int, total: float) -> None:
        whole = total if total != float("inf") else None
        if stage != self._stage:
            self._progress.reset(self._task, description=stage, completed=done, total=whole)
            self._stage = stage
        self._progress.update(self._task, completed=done, total=whole)
        if self._moves and (done == total or time.monotonic() - self._drawn >= EVERY):
            self._progress.refresh()
            self._drawn = time.monotonic()

    def end(self) -> None:
        if self._moves:
            self._progress.stop()
        else:
            self._progress.console.print(self._progress.get_renderable())


class _Speed(ProgressColumn):
    """Batches in a second."""

    def render(self, task: Task) -> Text:
        speed = task.speed or 0.0
        return Text(f"{speed:.{1 if speed >= 1 else 2}f}/s" if speed else "", no_wrap=True)


class _Values(ProgressColumn):
    """Values by name, as many as there is room for."""

    def __init__(self, values: Callable[[], Mapping[str, float]]) -> None:
        super().__init__()
        self.values = values

    def render(self, task: Task) -> Text:  # noqa: ARG002 (interface)
        shown = " ".join(f"{name} {value:.3f}" for name, value in self.values().items())
        return Text(shown, no_wrap=True, overflow="ellipsis")
