"""Sizes for a laptop leave what is searched to the files below them."""

from __future__ import annotations

import pytest
import yaml

from tests.commands.runs import run

SMALL = {"backbone": "resnet18", "width": 32}


@pytest.mark.parametrize(
    ("below", "space"),
    [
        (["cm_nas"], "BNSeparation"),
        (["cm_nas", "joint_norm"], "JointNorm"),
        (["cm_nas", "in_placement"], "INPlacement"),
        (["one_shot"], "BNSeparation"),
    ],
)
def test_the_space_stays_and_gets_small(below: list[str], space: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for name in (*below, "laptop") for word in ("-c", f"search/{name}.yaml")]
    again = ["--model.strategy", "vireid.tasks.RandomPaths"] if below == ["one_shot"] else []  # as the file says
    arguments = yaml.safe_load(run(capsys, "fit", "-c", "data/sysu.yaml", *words, *again, "--print_config").out)["model"]["init_args"]
    assert arguments["space"]["class_path"] == f"vireid.search.{space}"
    assert {name: arguments["space"]["init_args"][name] for name in SMALL} == SMALL
    assert arguments["strategy"]["class_path"] == (again or ["vireid.tasks.TwoLevels"])[-1]
    assert arguments["space"]["init_args"]["tie"] == ("block" if space == "JointNorm" else "none")
