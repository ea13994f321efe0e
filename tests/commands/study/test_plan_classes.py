"""The plan in the folder of a study imports nothing of others, unless the user names it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands.runs import run
from vireid.commands.study.plan_classes import check_plan_classes
from vireid.commands.study.settings import StudySettings
from vireid.errors import SettingsError

PLAN: dict[str, Any] = {
    "data": ["data/sysu.yaml"],
    "space": {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10", "width": 8}},
    "searches": {"cm_nas": ["search/cm_nas.yaml", {"model": {"init_args": {"space": {"init_args": {"backbone": "resnet10"}}}}}]},
    "retrain": ["train/cm_nas.yaml", {"trainer": {"callbacks": [{"class_path": "pytorch_lightning.callbacks.Timer"}]}}],
    "genotypes": ["all_shared"],
}
OWN = "planted_code.Planted"
HOSTILE: list[Any] = [
    {"model": {"class_path": OWN}},
    {"model": OWN},
    {"model": "model.yaml"},
    {"model": "{class_path: planted_code.Planted}"},
    {"data": OWN},
    {"model": {"init_args": {"head": OWN}}},
    {"model": {"init_args": {"head": "head.yaml"}}},
    {"model": {"init_args": {"losses": [{"class_path": "vireid.losses.CrossEntropy"}, OWN]}}},
    {"model": {"init_args": {"optimizer": "{class_path: planted_code.Planted}"}}},
    {"model": {"init_args": {"optimizer": {"class_path": "vireid.tasks.TorchOptimizer", "init_args": {"optimizer": OWN}}}}},
    {"model": {"init_args": {"strategy": {"init_args": {"temperature": {"class_path": OWN}}}}}},
    {"trainer": {"logger": {"class_path": OWN}}},
    {"trainer": {"callbacks": OWN}},
    "hostile.yaml",
]


def test_plans_of_our_own_classes() -> None:
    check_plan_classes(StudySettings.from_dict(PLAN), None)
    check_plan_classes(StudySettings.from_dict({**PLAN, "retrain": [HOSTILE[0]]}), f"a.B, {OWN}")


@pytest.mark.parametrize("layer", HOSTILE, ids=str)
@pytest.mark.parametrize("place", ["data", "retrain", "searches"])
def test_plans_of_classes_of_others(layer: Any, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hostile.yaml").write_text(f"model: {{init_args: {{head: {{class_path: {OWN}}}}}}}")
    Path("head").write_text("class_path: planted_code.Planted")
    plan = StudySettings.from_dict({**PLAN, place: {"a": [layer]} if place == "searches" else [layer]})
    with pytest.raises(SettingsError, match=r"The plan in the folder asks to import or read .*--allow"):
        check_plan_classes(plan, "planted_code.PlantedX")


def test_a_report_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "planted_code.py").write_text("raise SystemExit('imported')")
    (tmp_path / "plan.json").write_text(json.dumps({**PLAN, "retrain": [HOSTILE[0]]}))
    for words in ((), ("--report_only", "true")):
        refused = run(capsys, "study", "--folder", tmp_path, *words)
        assert refused.code == 2
        assert f"--allow {OWN}, or give the study's own file by --config" in refused.err
    assert "planted_code" not in sys.modules
