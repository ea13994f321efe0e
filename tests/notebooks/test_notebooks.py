"""Notebooks show what they are about, and are code: every cell runs, in order, in an empty folder."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.execution import NOTEBOOKS, code, executed, kinds, read

LARGEST = 1_000_000  # bytes
PATHS = re.compile(r"/(home|root|tmp|work|Users|var|opt|usr)/|[A-Z]:\\|site-packages")
TIMES = re.compile(r"\d (s|ms|seconds|min)\b|\d:\d\d\b")  # of one machine
BETTER = re.compile(r"mAP of (\d+\.\d) %.*without any network,? have (\d+\.\d) %|mAP of (\d+\.\d) %, tiny grey images have (\d+\.\d) %")
STILL = "import sys; sys.modules['ipywidgets'] = None"  # as if it were not installed
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@dataclass(frozen=True)
class Small:
    """Sizes for a run of seconds, and what must hold after it."""

    sizes: dict[str, Any]
    check: str = ""


SMALL = {
    "deploy": Small(
        {"TRAINED": 18, "TESTED": 6, "PEOPLE": 50, "STRANGERS": 4, "WIDTH": 8, "BATCH": 6, "EPOCHS": 4, "STEPS": 4},
        """
assert all(len(answer.candidates) == 8 for answer in answers.values())
assert point.threshold.searches >= 300
assert 0 <= rate < 0.5
assert removed == 5
assert sorted(path.name for path in Path().glob("people.gallery*")) == ["people.gallery"]
""",
    ),
    "search_and_retrain": Small(
        {"IDENTITIES": 24, "TEST_IDENTITIES": 6, "WIDTH": 8, "PEOPLE": 4, "SEARCH_EPOCHS": 4, "EPOCHS": 2, "STEPS": 2},
        """
assert set(scores) == {"untrained", "searched", "all_shared", "stem_separate"}
assert not both
""",
    ),
    "study": Small(
        {"IDENTITIES": 32, "TEST_IDENTITIES": 8, "BATCH": 4, "WIDTH": 8, "SEARCH_EPOCHS": 4, "EPOCHS": 2, "STEPS": 2}
        | {"RANDOM": 2, "SEEDS": (0,), "RANKED": 3},
        """
assert [row["name"] for row in report["rows"]] == ["grey template (untrained)", "searched (bn)", "all_shared", "random"]
assert report["missing"] == []
assert len(fidelity["genotypes"]) == 3
""",
    ),
    "systems": Small(
        {"EPOCHS": 2, "STEPS": 2, "BATCH": 4, "WIDTH": 8, "RATE": 0.002, "IDENTITIES": (24, 6), "IMAGES": 2},
        """
assert len(systems) == len(ablation) == 11
assert ablation["ours"] == systems["ours"]
assert all(0 < value <= 1 for part in (systems, ablation) for values in part.values() for value in values)
assert len(list(Path("runs").glob("*/seed-0/test-1/metrics.json"))) == 21
""",
    ),
    "your_own_people": Small(
        {"DRAWN": 16, "BATCH": 4, "EPOCHS": 2, "STEPS": 2, "WIDTH": 8},
        """
assert len(nearest) == 8
assert Path("report.html").stat().st_size > 100_000
""",
    ),
}


@each
def test_outputs_are_stored(path: Path) -> None:
    notebook = read(path)
    assert path.stat().st_size <= LARGEST
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert {cell["cell_type"] for cell in notebook.cells} == {"code", "markdown"}
    shown = [kinds(cell) for cell in code(notebook)]
    assert sum("image/png" in found for found in shown) >= 2
    assert not {"error", "stderr", "text/html", "application/vnd.jupyter.widget-view+json"} & set().union(*shown)
    for cell in code(notebook):
        for output in cell.outputs:
            told = output.get("text", "") + output.get("data", {}).get("text/plain", "") + output.get("data", {}).get("text/markdown", "")
            assert PATHS.search(told) is None
            assert TIMES.search(told) is None


@each
def test_the_text_says_what_training_brings(path: Path) -> None:
    texts = [
        output.data["text/markdown"] for cell in code(read(path)) for output in cell.outputs if "text/markdown" in output.get("data", {})
    ]
    found = [match for text in texts if (match := BETTER.search(text))]
    assert len(found) == 1
    trained, untrained = (float(number) for number in found[0].groups() if number)
    assert trained > untrained + 5


@each
def test_every_cell_runs(path: Path, tmp_path: Path) -> None:
    small = SMALL[path.stem]
    found = executed(path, tmp_path, small.sizes, small.check)
    assert [kinds(cell) for cell in code(found)] == [kinds(cell) for cell in code(read(path))]


@pytest.mark.slow
@each
def test_every_cell_runs_at_full_size_without_widgets(path: Path, tmp_path: Path) -> None:
    found = executed(path, tmp_path, before=STILL)
    assert [kinds(cell) for cell in code(found)] == [kinds(cell) for cell in code(read(path))]


def test_widgets_are_installed() -> None:
    assert importlib.util.find_spec("ipywidgets"), "so that notebooks are tested with them here"
