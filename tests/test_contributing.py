"""CONTRIBUTING.md's walk-through is code: a system made of its two files trains and is tested by its commands."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vireid.cli import main
from vireid.data.synthetic import write_dataset

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
SMALL = [
    *("--model.weights", "null", "--model.space", "vireid.search.BNSeparation", "--model.space.backbone", "resnet10"),
    *("--model.space.width", "8", "--trainer.max_epochs", "2", "--trainer.limit_train_batches", "2", "--data.height", "64"),
    *("--data.width", "32", "--data.identities_per_batch", "4", "--data.images_per_identity", "2", "--data.num_workers", "0"),
]


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


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


@pytest.mark.filterwarnings("ignore:.* test folders under")
def test_a_system_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gated", raising=False)
    Path("gated.py").write_text(block("python"))
    Path("gated.yaml").write_text(block("yaml"))
    write_dataset("people", "sysu", identities=44, images=2)
    lines = re.findall(r"^PYTHONPATH=\. vireid (.*)$", TEXT, re.MULTILINE)
    fit, test = (shlex.split(line.replace("PATH", "people")) for line in lines)
    main([*fit, *SMALL])
    main([*test, "--data.trials", "2"])
    assert "train/centres" in Path("runs/gated/metrics.csv").read_text()
    state = torch.load("runs/gated/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert "network.backbone.trunk.layer4.gate.linear.weight" in state
    rows = json.loads(Path("runs/gated/test-1/metrics.json").read_text())["results"]
    assert rows
    assert all(0 < row["mean"]["mAP"] <= 1 for row in rows)
    with pytest.raises(SystemExit) as end:
        main(["test", "--ckpt", "runs/gated/checkpoints/last.ckpt"])  # nobody named its classes
    assert end.value.code == 2
