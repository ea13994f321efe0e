"""One seed for model and data: another one is refused, not replaced in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.commands.runs import SPACE, run, small
from vireid.commands.layers import read_layers
from vireid.commands.seeds import check_seeds
from vireid.errors import SettingsError
from vireid.tasks import read_checkpoint

Capsys = pytest.CaptureFixture[str]
WORDS = ("fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--model.seed=1"], "`--model.seed`"),
        (["--model.init_args.seed", "1"], "`--model.init_args.seed`"),
        (["--data.seed=1"], "`--data.seed`"),
        (["--data.init_args.seed=1", "--seed_everything=1"], "`--data.init_args.seed`"),
        (["-c", "own.yaml"], "'own.yaml' sets `data.init_args.seed`"),
        (["--config=other.yaml"], "'other.yaml' sets `model.init_args.seed`"),
        (["-c", "differs.yaml"], "'differs.yaml' sets `model.init_args.seed`"),
    ],
)
def test_a_seed_beside_the_common_one(
    words: list[str], named: str, capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text("data: {init_args: {seed: 1}}")
    Path("other.yaml").write_text("model: {seed: 1}")
    Path("differs.yaml").write_text("seed_everything: 2\nmodel: {init_args: {seed: 1}}")
    done = run(capsys, *WORDS, *words)
    assert done.code == 2
    assert done.err.startswith(f"vireid: error: {named}")
    assert "seed_everything" in done.err
    assert done.err.rstrip().endswith("instead.")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_file_that_says_one_seed_everywhere_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "saved.yaml"
    path.write_text("seed_everything: 3\nmodel: {init_args: {seed: 3}}\ndata: {init_args: {seed: 3}}\n")
    check_seeds(read_layers(["fit", "-c", str(path), "--seed_everything=4"]))  # the option wins, as over any file
    path.write_text("seed_everything: 3\nmodel: {init_args: {seed: 3}}\ndata: {init_args: {seed: 0}}\n")
    with pytest.raises(SettingsError, match=r"sets `data\.init_args\.seed`, which `seed_everything` would replace"):
        check_seeds(read_layers(["fit", "-c", str(path)]))


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_saved_configurations_of_a_run_and_of_its_test_are_taken(sysu_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    short = ("--trainer.max_epochs=1", "--trainer.limit_train_batches=1")
    words = (*WORDS, "-c", small(tmp_path), f"--data.root={sysu_root}", *SPACE, *short, "--seed_everything=5")
    assert run(capsys, *words, "--run_dir", tmp_path / "run").code == 0
    saved = tmp_path / "run" / "config.yaml"
    assert yaml.safe_load(saved.read_text())["seed_everything"] == 5
    again = ("fit", "-c", saved, "--run_dir", tmp_path / "again", "--seed_everything=6")
    assert run(capsys, *again).code == 0
    settings = read_checkpoint(tmp_path / "again" / "checkpoints" / "last.ckpt")["vireid"]
    assert settings["model"]["init_args"]["seed"] == settings["data"]["init_args"]["seed"] == 6
    last = tmp_path / "again" / "checkpoints" / "last.ckpt"
    assert run(capsys, "test", "--ckpt", last, "--run_dir", tmp_path / "test", "--data.trials=1").code == 0
    tested = yaml.safe_load((tmp_path / "test" / "config.yaml").read_text())
    assert tested["model"]["init_args"]["seed"] == 6
