"""CPU time from the start of a command until its first step; ``pytest -n 0 tests/benchmarks/test_start_speed.py``.

The unit is a process that imports Lightning and nothing else.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.conftest import Ratio
from tests.conftest import make_regdb

ROUNDS = 5
LIGHTNING = "import os, pytorch_lightning; os._exit(0)"  # what an interpreter does at its end does not count
PACKAGE = "import os, vireid.tasks, vireid.commands.lightning; os._exit(0)"
REACHED = 7
FIRST_STEP = f"""
import os, sys
import vireid.tasks.base
def stop(self, *args):
    os._exit({REACHED})
vireid.tasks.base.ReIDModule.seed_step = stop
from vireid.cli import main
main(sys.argv[1:])
"""
SMALL = ["--data.height=32", "--data.width=16", "--data.identities_per_batch=2", "--data.images_per_identity=2", "--data.num_workers=0"]
MODEL = ["--model=vireid.RetrainModule", "--model.weights=null", "--model.space=BNSeparation", "--model.space.backbone=resnet10"]


def seconds(program: str, *words: str) -> float:
    """CPU seconds of a fresh interpreter and its threads."""
    before = os.times()
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", program, *words], check=False, capture_output=True)
    after = os.times()
    assert ended.returncode == (REACHED if words else 0), ended.stderr
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_first_step(tmp_path: Path, benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    data = ["--data=vireid.RegDBDataModule", f"--data.root={make_regdb(tmp_path / 'regdb')}", *SMALL]
    took: dict[str, list[float]] = {"lightning": [], "package": [], "step": []}
    for number in range(ROUNDS):
        took["lightning"].append(seconds(LIGHTNING))
        took["package"].append(seconds(PACKAGE))
        run = [f"--run_dir={tmp_path / f'run-{number}'}", "--trainer.accelerator=cpu", "--trainer.max_epochs=1"]
        took["step"].append(seconds(FIRST_STEP, "fit", *data, *MODEL, *run))
    benchmark.pedantic(lambda: seconds("pass"), rounds=1)
    middle = {name: statistics.median(times) for name, times in took.items()}
    print("\nCPU seconds: " + ", ".join(f"{name} {value:.2f}" for name, value in middle.items()))
    ratio("start: imports of a training / import of Lightning", middle["package"] / middle["lightning"], 1.25)
    ratio("start: until the first step of a tiny training / import of Lightning", middle["step"] / middle["lightning"], 1.25)
