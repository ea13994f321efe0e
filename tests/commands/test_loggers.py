"""Loggers that are named by one word write into the folder of the run, beside ``metrics.csv``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytorch_lightning.loggers import CSVLogger, Logger

from tests.commands.runs import SPACE, logged, run, small
from vireid.commands.lightning import loggers_of

START = ("fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml")
OWN = """
import json
from pathlib import Path
from pytorch_lightning.loggers import Logger

class StandIn(Logger):  # what loggers of other packages are: a folder that must be given
    def __init__(self, save_dir: str, entries: str = "entries.json"):
        super().__init__()
        self.path, self.rows = Path(save_dir) / entries, []

    name, version = "stand-in", 0

    def log_hyperparams(self, params, *args, **kwargs): ...

    def log_metrics(self, metrics, step=None):
        self.rows.append({**metrics, "step": step})

    def finalize(self, status):
        self.path.write_text(json.dumps(self.rows))
"""


@pytest.fixture(autouse=True)
def own_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "stand_in.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stand_in", raising=False)


def logger_of(printed: str) -> Any:
    return yaml.safe_load(printed)["trainer"]["logger"]


def test_a_logger_writes_into_the_folder_of_the_run_and_the_file_is_kept(
    sysu_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = {"class_path": "stand_in.StandIn", "init_args": {"save_dir": str(tmp_path / "other")}}
    config = tmp_path / "loggers.yaml"
    config.write_text(yaml.safe_dump({"trainer": {"logger": [{"class_path": "stand_in.StandIn"}, elsewhere]}}))
    run_dir, words = (
        tmp_path / "run",
        (*START, f"--data.root={sysu_root}", "-c", small(tmp_path), *SPACE, "--data.identities_per_batch=2"),
    )
    done = run(capsys, *words, "-c", config, "--run_dir", run_dir, "--data.validation=heldout")
    assert not done.code, done.err
    rows = yaml.safe_load((run_dir / "entries.json").read_text())
    assert rows == yaml.safe_load((tmp_path / "other" / "entries.json").read_text())
    assert [row["train/loss"] for row in rows if "train/loss" in row] == pytest.approx(logged(run_dir)["train/loss"])
    assert [one["init_args"]["save_dir"] for one in logger_of((run_dir / "config.yaml").read_text())] == [
        "{run_dir}",  # so that the next run writes into its own
        str(tmp_path / "other"),
    ]
    assert "checkpoints/last.ckpt, checkpoints/best.ckpt, metrics.csv" in done.out


@pytest.mark.parametrize("word", ["TensorBoardLogger", "WandbLogger", "MLFlowLogger", "CSVLogger"])
def test_one_word_is_enough(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *START, "--trainer.logger", word, "--print_config")
    assert not done.code, done.err
    found = logger_of(done.out)["init_args"]
    assert found["save_dir"] == "{run_dir}"
    assert word != "TensorBoardLogger" or found["name"] == found["version"] == ""


def test_a_missing_package_is_named(sysu_root: Path, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning_fabric.loggers.tensorboard.{name}", False)
    run_dir = tmp_path / "run"
    done = run(
        capsys,
        *START,
        f"--data.root={sysu_root}",
        *SPACE,
        "--model.weights=null",
        "--trainer.logger=TensorBoardLogger",
        "--run_dir",
        run_dir,
    )
    assert done.code == 2
    assert "TensorBoardLogger needs a package that is not installed: pip install 'vireid[tensorboard]'." in done.err
    assert not run_dir.exists()


def test_which_loggers_a_run_has(tmp_path: Path) -> None:
    own: Logger = CSVLogger(tmp_path)
    assert loggers_of(False, tmp_path) is False
    for named, count in ((None, 1), (True, 1), (own, 2), ([own, own], 3)):
        found = loggers_of(named, tmp_path)
        assert isinstance(found, list)
        assert (len(found), type(found[0]).__name__) == (count, "RunLogger")
