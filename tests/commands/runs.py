"""Commands run in this process, small enough for a test."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vireid.cli import main

SMALL = """
model:
  init_args:
    weights: null
data:
  init_args:
    height: 32
    width: 16
    identities_per_batch: 3
    images_per_identity: 2
    num_workers: 0
trainer:
  accelerator: cpu
  max_epochs: 2
  limit_train_batches: 3
"""
SPACE = ("--model.space=vireid.search.BNSeparation", "--model.space.init_args.backbone=resnet10", "--model.space.init_args.width=8")
SEARCH = (*SPACE, "--model.strategy.warmup_epochs=1")


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: exit code.
        out, err: what it wrote.
    """

    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *words: object) -> Outcome:
    """Run a command that may fail with an exit code, but not with another exception."""
    capsys.readouterr()
    code: Any = 0
    try:
        main([str(word) for word in words])
    except SystemExit as error:
        code = error.code
    caught = capsys.readouterr()
    return Outcome(code, caught.out, caught.err)


def small(folder: Path, extra: str = "") -> Path:
    """A configuration with small sizes, to be given last."""
    path = folder / "small.yaml"
    path.write_text(SMALL + extra)
    return path


def everything(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def logged(folder: Path) -> dict[str, list[float]]:
    """Columns of ``metrics.csv`` without gaps."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows of ``metrics.json`` by protocol, checked to be fractions."""
    content = json.loads((folder / "metrics.json").read_text())
    for row in content["results"]:
        for name, value in row["mean"].items():
            assert 0 <= value <= 1, (row["protocol"], name, value)
            assert math.isfinite(row["std"][name])
        assert row["mean"]["rank1"] <= row["mean"]["rank5"] <= row["mean"]["rank10"] <= row["mean"]["rank20"]
    return {row["protocol"]: row for row in content["results"]}
