"""Classes of the user's own in files: imported when they are named on the command line, and not otherwise."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from tests.commands.runs import run, small
from vireid import RetrainModule
from vireid.importable import also_importable, importable
from vireid.search import BNSeparation
from vireid.tasks import read_checkpoint

OWN_SPACE = "from vireid.search import BNSeparation\nclass OwnSpace(BNSeparation): pass\n"
Capsys = pytest.CaptureFixture[str]
pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny


@pytest.fixture
def genotype(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A genotype of a space that the user wrote."""
    (tmp_path / "own_space_of_a_user.py").write_text(OWN_SPACE)
    monkeypatch.syspath_prepend(tmp_path)
    content = BNSeparation("resnet10", width=8).baselines()["stem_separate"].to_dict()
    content["space"]["class_path"] = "own_space_of_a_user.OwnSpace"
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps(content))
    return path


def test_a_genotype_of_an_own_space_is_trained_when_its_class_is_allowed(
    genotype: Path, sysu_root: Path, tmp_path: Path, capsys: Capsys
) -> None:
    words = ["fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "-c", small(tmp_path), f"--data.root={sysu_root}"]
    words += [f"--model.genotype={genotype}", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--run_dir", tmp_path / "run"]
    refused = run(capsys, *words)
    assert refused.code == 2
    assert "asks to import 'own_space_of_a_user.OwnSpace'" in refused.err
    assert "--allow" in refused.err
    assert "own_space_of_a_user" not in sys.modules
    assert run(capsys, *words, "--allow", "own_space_of_a_user.OwnSpace").code == 0
    saved = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt", allowed=None)
    assert saved["vireid"]["model"]["init_args"]["genotype"]["space"]["class_path"] == "own_space_of_a_user.OwnSpace"


def test_what_was_allowed_ends_with_its_block_whatever_happens_in_it() -> None:
    def fail() -> None:
        with also_importable(["mylib.MyLoss"]):
            assert importable() == ("vireid.", "mylib.MyLoss")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert importable() == ("vireid.",)


@pytest.mark.parametrize(
    ("file", "asks", "words"),
    [
        ("planted_code.Planted-sysu.ckpt", "planted_code.Planted", []),
        ("planted_code.Planted", "planted_code.Planted", []),
        ("last.ckpt", "last.ckptX", []),
        ("last.ckpt", "planted_code.Planted", ["--data.root", "planted_code.Planted", "--run_dir", "planted_code.Planted"]),
        ("last.ckpt", "planted_code.Planted", ["--model.genotype", "planted_code.Planted", "-c", "planted_code.yaml"]),
        ("last.ckpt", "planted_code.PlantedEvil", ["--allow", "planted_code.Planted"]),
        ("last.ckpt", "planted_code.Planted.Inner", ["--allow", "planted_code.Planted"]),
        ("last.ckpt", "planted_codes.Planted", ["--allow", "planted_code."]),
    ],
)
def test_words_that_are_no_classes_allow_nothing(
    file: str, asks: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    task = RetrainModule(5, "stem_separate", BNSeparation("resnet10", width=8), weights=None)
    content = {"state_dict": task.state_dict(), "epoch": 1, "global_step": 2}
    task.on_save_checkpoint(content)
    content["vireid"]["model"]["init_args"]["head"] = {"class_path": asks, "init_args": {}}
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("planted_code", "planted_codes", "last"):
        Path(f"{name}.py").write_text("raise SystemExit('imported')")
    Path("planted_code.yaml").write_text("# class_path: planted_code.Planted\ntrainer: {logger: false}\n")
    torch.save(content, file)
    refused = run(capsys, "test", "--ckpt", file, *words)
    assert (refused.code, refused.err.count("Traceback")) == (2, 0)
    assert f"asks to import {asks!r}" in refused.err
    assert not {"planted_code", "planted_codes", "last"} & set(sys.modules)
