"""No fault costs more than the work since the last checkpoint, and none leaves a file that is not whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.case import Verdict
from tests.faults.run import CASES, table

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults come by what Linux offers")
COMMANDS = {"search", "joint", "confirmed", "retrain", "study", "synthesize", "convert", "export"}


def verdicts(*words: str) -> list[Verdict]:
    """What ``python -m tests.faults`` finds, from a process of its own: here, other tests have started threads, which forks lose."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.faults", "--json", *words]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr[-3000:]
    return [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]


def check(found: list[Verdict], wanted: int) -> None:
    """Print the counts, and fail with every fault that was not borne."""
    print(table(found))
    assert len(found) == wanted
    faults = [f"{verdict.title}: {verdict.fault}" for verdict in found if verdict.fault]
    assert not faults, "\n".join(faults)


def test_there_are_enough_of_each_kind() -> None:
    kinds = Counter(case.kind for case in CASES)
    assert kinds["SIGKILL"] >= 60
    assert kinds["first moment"] >= 10
    assert {case.subject for case in CASES if case.kind == "SIGKILL"} >= COMMANDS
    assert {case.subject for case in CASES if case.kind == "SIGTERM"} >= COMMANDS
    assert len({case.title for case in CASES}) == len(CASES)


def test_a_part_of_the_faults() -> None:
    check(verdicts("--quick"), sum(case.quick for case in CASES))


@pytest.mark.slow
def test_all_faults() -> None:
    check(verdicts(), len(CASES))
