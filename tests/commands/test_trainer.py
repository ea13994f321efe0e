"""Whole numbers of batches stay whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vireid.commands import number_formats
from vireid.commands.trainer import Trainer
from vireid.errors import SettingsError


@pytest.mark.parametrize("first", ["float, int", "int, float"])
def test_one_batch_is_one_batch_whatever_python_remembers(first: str, tmp_path: Path) -> None:
    """``typing.Union[float, int]`` and ``Union[int, float]`` are one object: the order of the first stays."""
    names = [
        "limit_train_batches",
        "limit_val_batches",
        "limit_test_batches",
        "limit_predict_batches",
        "overfit_batches",
        "val_check_interval",
    ]
    words = ["fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "--data.root=x", "--print_config"]
    words += [f"--trainer.{name}=1" for name in names]
    code = f"import typing; typing.Optional[typing.Union[{first}]]; typing.Union[{first}]; from vireid.cli import main; main({words!r})"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert [f"  {name}: 1" in run.stdout.splitlines() for name in names] == [True] * len(names)


def test_formats_that_a_cpu_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    with pytest.raises(SettingsError, match=r"`trainer.precision: 16-mixed` needs a GPU, and this run is on the CPU"):
        Trainer(precision="16-mixed", **quiet)
    with pytest.warns(UserWarning, match=r"`trainer.tf32` has no effect on this cpu"):
        Trainer(tf32=True, **quiet)
    assert before == (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32)
    with pytest.warns(UserWarning, match=r"`trainer.benchmark` has no effect on cpu"):
        Trainer(benchmark=True, **quiet)
    monkeypatch.setattr(number_formats, "has_tf32", lambda device: True)
    try:
        for wanted, name in ((True, "high"), (False, "highest")):
            Trainer(tf32=wanted, **quiet)
            assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == (name, wanted)
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
        torch.backends.cudnn.benchmark = False
