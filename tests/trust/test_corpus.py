"""No file executes, writes, waits or takes what it must not; good files are read; what must not happen is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.trust.case import Verdict
from tests.trust.cases import CASES
from tests.trust.planted import CAUGHT
from tests.trust.run import QUICK, quick, table

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are watched by what Linux tells of them")


def verdicts(*words: str) -> list[Verdict]:
    """What ``python -m tests.trust`` finds, from a process of its own: here, other tests have loaded modules and started threads."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.trust", "--json", *words]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr[-3000:]
    return [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]


def test_the_corpus_is_large_and_even() -> None:
    hostile, good = (Counter(case.entry for case in CASES if case.valid == valid) for valid in (False, True))
    assert sum(hostile.values()) >= 300
    assert sum(good.values()) >= 30
    assert set(hostile) == set(good) == set(QUICK)
    assert min(hostile.values()) >= 20
    assert min(good.values()) >= 3
    assert len({case.title for case in CASES}) == len(CASES)
    assert {case.entry for case in quick()} == {case.entry for case in quick() if case.valid} == set(QUICK)


@pytest.fixture(scope="module")
def part() -> list[Verdict]:
    """Verdicts on bad readers and on a part of the corpus, which begin with the same good files."""
    return verdicts("--quick", "--planted")


def test_bad_readers_are_caught(part: list[Verdict]) -> None:
    kinds = {verdict.title: verdict.kinds() for verdict in part}
    assert not {reader.__name__: kind for reader, kind in CAUGHT.items() if kind not in kinds[f"planted: {reader.__name__}"]}


def test_a_part_of_the_corpus(part: list[Verdict]) -> None:
    check([verdict for verdict in part if verdict.entry in QUICK], len(quick()))


@pytest.mark.slow
def test_the_whole_corpus() -> None:
    check(verdicts(), len(CASES))


def check(found: list[Verdict], wanted: int) -> None:
    """Print the counts, and fail with every fault."""
    print(table(found))
    assert len(found) == wanted
    faults = [f"{verdict.title}: {fault}" for verdict in found for fault in verdict.faults]
    assert not faults, "\n".join(faults)
