"""First checks of a new set-up: a few batches that are overfitted, and a trial that leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.runs import SEARCH, SPACE, everything, logged, run, small

Capsys = pytest.CaptureFixture[str]
pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
KINDS = {"train/all_shared.yaml": SPACE, "search/cm_nas.yaml": (*SEARCH, "--model.derivation=vireid.search.Argmax")}


def words(name: str, root: Path, folder: Path, *more: str) -> list[str]:
    return ["fit", "-c", "data/sysu.yaml", "-c", name, "-c", str(small(folder)), f"--data.root={root}", *KINDS[name], *more]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("exists", [True, False])
def test_a_trial_leaves_nothing_and_the_run_follows(name: str, exists: bool, sysu_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    folder = tmp_path / "runs" / "mine"
    if exists:
        folder.mkdir(parents=True)
    fit = words(name, sysu_root, tmp_path, "--run_dir", str(folder), "--trainer.max_epochs=1", "--trainer.limit_train_batches=2")
    fit += ["--model.strategy.warmup_epochs=0"] if name.startswith("search") else []
    tried = run(capsys, *fit, "--trainer.fast_dev_run=true")
    assert tried.code == 0, tried.err
    assert "It runs. This was a trial of a few batches" in " ".join(tried.out.split())
    assert (folder.exists(), [path.name for path in folder.rglob("*")]) == (exists, [])
    assert folder.parent.exists() == exists
    if name.startswith("search"):
        return
    assert run(capsys, *fit).code == 0
    before = everything(folder)
    last = folder / "checkpoints" / "last.ckpt"
    for command in ("test", "predict"):
        tried = run(capsys, command, "--ckpt", last, "--trainer.fast_dev_run=true")
        assert (tried.code, "It runs." in tried.out) == (0, True), tried.err
    assert everything(folder) == before
    assert not list(folder.glob("*-1"))


def test_a_trial_is_refused_where_the_run_would_be(sysu_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    fit = words("train/all_shared.yaml", sysu_root, tmp_path, "--run_dir", str(folder), "--trainer.fast_dev_run=true")
    assert "is not empty" in run(capsys, *fit).err
    assert everything(folder) == {"mine.txt": b"mine"}


def test_overfitting_validates_on_all_images(sysu_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    fit = words("train/all_shared.yaml", sysu_root, tmp_path, "--run_dir", str(tmp_path / "run"), "--trainer.overfit_batches=1")
    done = run(capsys, *fit, "--data.validation=heldout", "--data.eval_batch_size=4", "--trainer.log_every_n_steps=1")
    assert done.code == 0, done.err
    found = logged(tmp_path / "run")
    assert len(found["val/mAP"]) == len(found["train/loss"]) == 2
