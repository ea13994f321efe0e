"""What a checkpoint says about data is read only: it draws no people and fetches nothing unless the user says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.runs import run
from vireid import ClassificationModule, RetrainModule, SyntheticDataModule
from vireid.data import CIFAR100DataModule
from vireid.errors import DatasetError
from vireid.search import BNSeparation
from vireid.tasks import ReIDModule

Capsys = pytest.CaptureFixture[str]
SPACE = BNSeparation("resnet10", width=8)
DRAWN = {"identities": 6, "test_identities": 2, "images": 2, "image_height": 32, "image_width": 16, "height": 32, "width": 16}
QUICK = ("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--trainer.logger=false", "--data.num_workers=0")


def checkpoint(task: ReIDModule, data: dict[str, Any], path: Path) -> Path:
    content: dict[str, Any] = {"state_dict": task.state_dict(), "epoch": 1, "global_step": 2}
    task.on_save_checkpoint(content)
    content["vireid"]["data"] = data
    content["pytorch-lightning_version"] = "2.6.0"
    torch.save(content, path)
    return path


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_people_are_drawn_into_a_folder_that_the_user_names(tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {**DRAWN, "root": str(tmp_path / "theirs")}
    task = RetrainModule(4, "stem_separate", SPACE, weights=None)
    path = checkpoint(task, {"class_path": "vireid.SyntheticDataModule", "init_args": arguments}, tmp_path / "a.ckpt")
    refused = run(capsys, "test", "--ckpt", path, *QUICK)
    assert refused.code == 2
    assert "a file may not ask to draw them there" in refused.err
    assert "--data.root" in refused.err
    assert not (tmp_path / "theirs").exists()
    assert run(capsys, "test", "--ckpt", path, *QUICK, f"--data.root={tmp_path / 'mine'}").code == 0
    assert (tmp_path / "mine").is_dir()
    (tmp_path / "mine").rename(tmp_path / "theirs")
    assert run(capsys, "test", "--ckpt", path, *QUICK).code == 0, "what is there is read"


def test_nothing_is_fetched(tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = ClassificationModule(4, "stem_separate", SPACE)
    data = {"class_path": "vireid.data.CIFAR100DataModule", "init_args": {"root": str(tmp_path / "theirs"), "download": True}}
    refused = run(capsys, "test", "--ckpt", checkpoint(task, data, tmp_path / "a.ckpt"), *QUICK)
    assert refused.code == 2
    assert "asks to download CIFAR-100. Say so yourself: --data.download true" in refused.err
    assert not (tmp_path / "theirs").exists()


def test_modules_that_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    people = SyntheticDataModule(None, 10_000, 10)
    people.only_reads = True
    with pytest.raises(DatasetError, match="asks to draw 10,000 people"):
        people.prepare_data()
    small = SyntheticDataModule(None, **{**DRAWN, "num_workers": 0})
    small.only_reads = True
    small.prepare_data()
    assert small.root.is_dir(), "in the cache"
    images = CIFAR100DataModule(tmp_path, download=True)
    images.only_reads = True
    with pytest.raises(DatasetError, match="asks to download"):
        images.prepare_data()
    with pytest.raises(FileNotFoundError, match="`download` is off"):
        images._training_source()
