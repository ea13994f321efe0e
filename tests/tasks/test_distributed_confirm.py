"""Two processes confirm as one."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.distributed_confirm import data_module
from vireid import Genotype
from vireid.results.files import FORKS_FILE


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Path]:
    folder = tmp_path_factory.mktemp("confirmed")
    data_module(str(folder / "people")).prepare_data()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(Path(__file__).with_name("distributed_confirm.py")), str(folder / "people"), str(folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(2)], folder


def test_both_choose_alike_and_tell_the_same(ranks: tuple[list[dict[str, Any]], Path]) -> None:
    (first, second), folder = ranks
    assert first == second
    assert first["choices"] == dict(Genotype.load(folder / "genotype.json").choices)
    assert len(first["people"]) <= len(first["held"]) == 8
    assert all(math.isfinite(value) for value in [*first["people"], *first["gaps"]])


def test_finished_forks_are_written_once(ranks: tuple[list[dict[str, Any]], Path]) -> None:
    (first, _), folder = ranks
    kept = {one["value"] for one in json.loads((folder / FORKS_FILE).read_text())["scores"].values()}
    forked = {fork["mAP"] for row in first["derivation"]["shortlist"] for fork in row["forks"].values()}
    assert forked <= kept
