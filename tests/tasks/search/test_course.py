"""Files that tell the course of a search."""

import builtins
import logging
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.tasks.search.toy import BEST, LOSSES, toy_fit, toy_module, toy_strategy
from vireid.search import ArchitectureParameters, Site
from vireid.tasks import Adam
from vireid.tasks.search.course import log_architecture, read_rows, stage_counts
from vireid.tasks.search.course_picture import draw_architecture

SITES = [Site("a", ("x", "y")), Site("b", ("x", "y", "z"), stage=2), Site("c", ("x", "y"), stage=2)]
DETAIL, SUMMARY = "architecture.csv", "architecture_summary.csv"


def test_a_search_leaves_its_course(tmp_path: Path) -> None:
    module = toy_module(toy_strategy(warmup_epochs=1, architecture_optimizer=Adam(0.05, weight_decay=0.0)))
    toy_fit(module, tmp_path, epochs=4, batches=30)
    rows, summary = read_rows(tmp_path / DETAIL), read_rows(tmp_path / SUMMARY)
    assert [row["epoch"] for row in summary] == ["1", "2", "3"], "epochs with architecture steps"
    assert len(rows) == 3 * sum(map(len, LOSSES.values()))
    last = [row for row in rows if row["epoch"] == "3"]
    for site, probabilities in module.architecture.table().items():
        assert [float(row["probability"]) for row in last if row["site"] == site] == pytest.approx(probabilities)
    assert float(summary[-1]["entropy"]) == pytest.approx(module.architecture.entropy().mean().item())
    assert float(summary[-1]["temperature"]) == pytest.approx(0.5)
    assert float(summary[-1]["cost/price"]) == 6  # y y z y y
    assert summary[-1]["count/layer2/z"] == "1"
    assert module.derive().choices == BEST
    assert Image.open(tmp_path / "architecture.png").size[0] > 500


def test_rows_by_hand_and_again_after_a_resume(tmp_path: Path) -> None:
    architecture = ArchitectureParameters(SITES)
    for epoch in (3, 4, 5, 4):
        log_architecture(tmp_path, epoch, architecture, 2.0, {"parameters": 7})
    rows, summary = read_rows(tmp_path / DETAIL), read_rows(tmp_path / SUMMARY)
    assert [row["epoch"] for row in rows] == ["3"] * 7 + ["4"] * 7, "epochs from 4 on are told again"
    assert [row["epoch"] for row in summary] == ["3", "4"]
    assert {key: rows[2][key] for key in ("site", "stage", "candidate", "margin")} == {
        "site": "b", "stage": "layer2", "candidate": "x", "margin": "0.0",
    }  # fmt: skip
    assert float(rows[2]["probability"]) == pytest.approx(1 / 3)
    assert float(rows[2]["entropy"]) == pytest.approx(math.log(3))
    assert float(summary[0]["entropy"]) == pytest.approx((2 * math.log(2) + math.log(3)) / 3)
    counts = {("stem", "x"): 1, ("stem", "y"): 0, ("stem", "z"): 0, ("layer2", "x"): 2, ("layer2", "y"): 0, ("layer2", "z"): 0}
    assert stage_counts(architecture) == counts
    assert summary[0]["count/layer2/x"] == "2"
    assert summary[0]["cost/parameters"] == "7"


def test_nothing_to_draw(tmp_path: Path) -> None:
    assert draw_architecture(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_it_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    log_architecture(tmp_path, 0, ArchitectureParameters(SITES), 2.0, {})
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with caplog.at_level(logging.INFO, "vireid.tasks.search.course_picture"):
        assert draw_architecture(tmp_path) is None
    assert "pip install 'vireid[report]'" in caplog.text
    assert not (tmp_path / "architecture.png").exists()
