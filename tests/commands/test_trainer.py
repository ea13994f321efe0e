"""Whole numbers of batches stay whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


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
