"""One line of a terminal of 80 columns, whose loss is read when it is drawn."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from tests.tasks.callbacks.test_recalibration import child, data
from vireid.tasks import ProgressLine
from vireid.tasks.callbacks import progress_line
from vireid.terminal import PlainConsole

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Counted(ProgressLine):
    """Counts how often values are read."""

    reads = 0

    def values(self) -> dict[str, float]:
        self.reads += 1
        return super().values()


class Logged(pl.Callback):
    """Means that Lightning has logged at the end of every epoch."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.losses.append(float(trainer.callback_metrics["train/loss"]))


def drawn(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, columns: int, on: bool = True, **terminal: Any
) -> tuple[list[str], Counted, list[float]]:
    """What is written while two epochs of four batches run, line by line and drawing by drawing."""
    text, line, logged = io.StringIO(), Counted(), Logged()
    shown = PlainConsole(file=text, width=columns, **terminal)
    monkeypatch.setattr(progress_line, "moving_console", lambda: shown)
    if not on:
        line.disable()
    module, people = child(data(root)), data(root)
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False, "num_sanity_val_steps": 1}
    trainer = pl.Trainer(max_epochs=2, limit_train_batches=4, accelerator="cpu", default_root_dir=folder, callbacks=[line, logged], **quiet)
    trainer.fit(module, datamodule=people)
    return [CONTROL.sub("", each) for each in re.split(r"[\r\n]", text.getvalue())], line, logged.losses


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_a_terminal_sees_one_line_with_the_loss_from_the_first_batches_on(
    sysu_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_line, "EVERY", 0.0)
    lines, line, losses = drawn(sysu_root, tmp_path, monkeypatch, 80, force_terminal=True)
    assert max(map(len, lines)) == 80
    first = [each for each in lines if each.startswith("Epoch 0/1")]
    assert [each for each in first if " 1/4 " in each and "loss " in each]
    for epoch, loss in enumerate(losses):  # the last of an epoch is its mean, as logged
        whole = [each for each in lines if each.startswith(f"Epoch {epoch}/1") and " 4/4 " in each]
        assert {re.findall(r"loss (\S+)", each)[0] for each in whole} == {f"{loss:.3f}"}
    assert "val/mAP 0." in lines[-2], "the line that stays"
    assert [each for each in lines if each.startswith("Validation")]

    monkeypatch.setattr(progress_line, "EVERY", 1e9)
    narrow, seldom, _ = drawn(sysu_root, tmp_path, monkeypatch, 40, force_terminal=True)
    assert max(map(len, narrow)) == 40
    assert seldom.reads < line.reads - 2 * 2, "not every step"


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_a_pipe_gets_the_last_state_and_disabled_lines_nothing(sysu_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, line, losses = drawn(sysu_root, tmp_path, monkeypatch, 80)
    assert line.reads == 1
    assert [each for each in lines if each.strip()] == [each for each in lines if f"loss {losses[-1]:.3f}" in each]
    assert drawn(sysu_root, tmp_path, monkeypatch, 80, on=False, force_terminal=True)[0] == [""]
