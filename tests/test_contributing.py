"""CONTRIBUTING.md's examples are code: their files are written as they stand there and run by their commands."""

import ast
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from vireid.cli import COMMANDS, main, usage
from vireid.data.synthetic import write_dataset

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")}
SMALL = [
    *("--trainer.max_epochs", "2", "--trainer.limit_train_batches", "2", "--data.height", "64", "--data.width", "32"),
    *("--data.identities_per_batch", "4", "--data.images_per_identity", "2", "--data.num_workers", "0"),
]
SMALL_SPACE = [
    *("--model.weights", "null", "--model.space", "vireid.search.BNSeparation", "--model.space.backbone", "resnet10"),
    *("--model.space.width", "8"),
]


def block(section: str, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL)
    return str(found)


QUICK = ["--trainer.max_epochs", "1", "--model.strategy.warmup_epochs", "0", "--model.optimizer.schedule", "null"]
QUICK += ["--model.derivation.proposers", "[vireid.search.MostProbable]"]  # no cheap scores of fifty points


def commands(section: str) -> list[list[str]]:
    lines = re.findall(r"^PYTHONPATH=\. vireid (.*)$", SECTIONS[section], re.MULTILINE)
    return [shlex.split(line.replace("PATH", "people")) for line in lines]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generated people, in the folder in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_dataset("people", "sysu", identities=56, images=2)


def test_the_loop_over_numerics_runs_the_tests_four_times() -> None:
    (loop,) = re.findall(r"^for numerics in .*?^done$", TEXT, re.MULTILINE | re.DOTALL)
    seen = "env | grep -E '^(ATEN_CPU|ONEDNN_MAX|MKL_CBWR)' | sort | xargs echo run"
    done = subprocess.run(["bash", "-c", loop.replace(".venv-test/bin/python -m pytest -q", seen)], env={}, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "run",
        "run ATEN_CPU_CAPABILITY=avx2",
        "run ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41",
        "run MKL_CBWR=COMPATIBLE",
    ]


def rows(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(path).read_text())["results"]
    return found


@pytest.mark.usefixtures("people")
@pytest.mark.filterwarnings("ignore:.* test folders under")
def test_a_system_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    section = "Adding a system"
    monkeypatch.delitem(sys.modules, "gated", raising=False)
    Path("gated.py").write_text(block(section, "python"))
    Path("gated.yaml").write_text(block(section, "yaml"))
    fit, test = commands(section)
    main([*fit, *SMALL_SPACE, *SMALL])
    main([*test, "--data.trials", "2"])
    assert "train/centres" in Path("runs/gated/metrics.csv").read_text()
    state = torch.load("runs/gated/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert "network.backbone.trunk.layer4.gate.linear.weight" in state
    assert rows("runs/gated/test-1/metrics.json")
    assert all(0 < row["mean"]["mAP"] <= 1 for row in rows("runs/gated/test-1/metrics.json"))
    with pytest.raises(SystemExit) as end:
        main(["test", "--ckpt", "runs/gated/checkpoints/last.ckpt"])  # nobody named its classes
    assert end.value.code == 2


@pytest.mark.usefixtures("people")
@pytest.mark.filterwarnings("ignore:.* test folders under")
def test_a_trunk_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    section = "Adding a trunk"
    monkeypatch.delitem(sys.modules, "plain", raising=False)
    Path("plain.py").write_text(block(section, "python"))
    Path("plain.yaml").write_text(block(section, "yaml"))
    search, retrain, test = commands(section)
    main([*search, *SMALL, *QUICK])
    genotype = json.loads(Path("runs/plain/genotype.json").read_text())
    assert genotype["choices"].keys() == {"1", "4", "7"}
    assert genotype["space"]["init_args"]["backbone"] == {"class_path": "plain.Plain", "init_args": {"width": 16}}
    main([*retrain, *SMALL])
    main([*test, "--data.trials", "2"])
    assert rows("runs/child/test-1/metrics.json")
    assert all(0 < row["mean"]["mAP"] <= 1 for row in rows("runs/child/test-1/metrics.json"))


@pytest.mark.usefixtures("people")
@pytest.mark.filterwarnings("ignore:.* test folders under")
def test_a_dataset_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    section = "Adding a dataset"
    monkeypatch.delitem(sys.modules, "corridor", raising=False)
    Path("corridor.py").write_text(block(section, "python"))
    generated, mine = Path("people").rename("generated"), Path("people")
    test_pids = set(map(int, (generated / "exp/test_id.txt").read_text().split(",")))
    for part in ("train", "test"):
        (mine / part).mkdir(parents=True)
    for path in generated.glob("cam*/*/*.jpg"):
        pid = int(path.parent.name)
        name = f"{pid}_{path.parent.parent.name.removeprefix('cam')}_{int(path.stem)}.jpg"
        shutil.copy(path, mine / ("test" if pid in test_pids else "train") / name)
    fit, test = commands(section)
    main([*fit, *SMALL_SPACE, *SMALL])
    main(test)
    found = rows("runs/corridor/test-1/metrics.json")
    assert [row["protocol"] for row in found] == ["corridor/visible-to-infrared", "corridor/infrared-to-visible"]
    assert all(0 < row["mean"]["mAP"] <= 1 for row in found)


@pytest.mark.usefixtures("people")
@pytest.mark.filterwarnings("ignore:.* test folders under")
def test_a_space_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    section = "Adding a search space"
    monkeypatch.delitem(sys.modules, "activations", raising=False)
    Path("activations.py").write_text(block(section, "python"))
    search, retrain = commands(section)
    main([*search, *SMALL, *QUICK])
    genotype = json.loads(Path("runs/search/genotype.json").read_text())
    assert genotype["space"]["class_path"] == "activations.Activations"
    assert genotype["choices"].keys() == {"2", "5", "8"}
    assert set(genotype["choices"].values()) <= {"relu", "silu"}
    main([*retrain, *SMALL])
    state = torch.load("runs/found/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert state["network.backbone.trunk.6.weight"].shape == (128, 64, 3, 3)


def test_a_command_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    section = "Adding a command"
    file = tmp_path / "tally.py"
    file.write_text(block(section, "python"))
    spec = importlib.util.spec_from_file_location("vireid.commands.tally", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "vireid.commands.tally", module)
    spec.loader.exec_module(module)
    for name, line in ast.literal_eval(f"{{{block(section, 'text')}}}").items():
        monkeypatch.setitem(COMMANDS, name, line)
    assert "  tally       say how often a genotype takes each candidate\n" in usage()
    genotype = {"format": "vireid.genotype", "version": 1, "provenance": {}, "choices": {"bn1": "in", "bn2": "shared_bn", "bn3": "in"}}
    (tmp_path / "genotype.json").write_text(json.dumps({**genotype, "space": {"class_path": "vireid.search.JointNorm", "init_args": {}}}))
    main(["tally", str(tmp_path / "genotype.json")])
    assert capsys.readouterr().out == "in 2\nshared_bn 1\n"
