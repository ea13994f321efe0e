"""Notebooks are code: every cell runs, in order, in an empty folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:.* test folders under")  # three images per camera: multi-shot galleries take all
def test_every_cell_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # people are drawn below it
    names: dict[str, Any] = {}
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert not any(cell["outputs"] for cell in cells), "commit notebooks without outputs"
    for number, cell in enumerate(cells):
        exec(compile("".join(cell["source"]), f"{path.name}, code cell {number}", "exec"), names)
    RESULTS[path.stem](names, tmp_path)


def searched(names: dict[str, Any], folder: Path) -> None:
    assert (folder / "genotypes.png").exists()
    assert set(names["scores"]) == {"searched", "all_shared"}
    assert all(0 <= value <= 1 for rows in names["scores"].values() for value in rows.values())


def studied(names: dict[str, Any], folder: Path) -> None:
    assert (folder / "study" / "runs.png").exists()
    assert [row["name"] for row in names["report"]["rows"]] == ["grey template (untrained)", "searched (bn)", "all_shared", "random"]
    assert names["report"]["missing"] == []
    assert len(names["fidelity"]["genotypes"]) == 3


def compared(names: dict[str, Any], folder: Path) -> None:
    assert len(names["systems"]) == 11
    assert len(names["ablation"]) == 11
    assert names["ablation"]["ours"] == names["systems"]["ours"]
    scores = [value for part in ("systems", "ablation") for values in names[part].values() for value in values]
    assert all(0 < value <= 1 for value in scores)
    assert len(list((folder / "runs").glob("*/seed-0/test-1/metrics.json"))) == 21


def deployed(names: dict[str, Any], folder: Path) -> None:
    assert len(names["answer"].candidates) == 8
    assert names["point"].threshold.searches >= 300
    assert 0 < names["rate"] < 0.5
    assert names["removed"] == 5
    assert sorted(path.name for path in folder.glob("people.gallery*")) == ["people.gallery"]


RESULTS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "deploy": deployed,
    "search_and_retrain": searched,
    "study": studied,
    "systems": compared,
}
