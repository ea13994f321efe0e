"""Options of an evaluation that are given when a checkpoint is tested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.runs import SPACE, run, small
from vireid.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
RERANKED = "re-ranked (k1=4, k2=2, lambda=0.3)"


@pytest.fixture(scope="module")
def fitted(regdb_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a run that knew nothing of the options."""
    folder = tmp_path_factory.mktemp("fitted")
    words = ["-c", "data/regdb.yaml", f"--data.root={regdb_root}", "-c", "train/all_shared.yaml", *SPACE, "-c", str(small(folder))]
    main(["fit", *words, "--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--run_dir", str(folder / "run")])
    path = folder / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    assert content["vireid"]["model"]["init_args"].pop("evaluation") is None
    torch.save(content, path)
    return path


def evaluate(checkpoint: Path, folder: Path, *options: str) -> dict[tuple[str, str], Any]:
    """Means by protocol and variant."""
    main(["test", "--ckpt", str(checkpoint), *options, "--run_dir", str(folder)])
    rows = json.loads((folder / "metrics.json").read_text())["results"]
    return {(row["protocol"], row["variant"]): row["mean"] for row in rows}


def test_options_win_over_the_checkpoint_and_plain_rows_stay(fitted: Path, tmp_path: Path) -> None:
    plain = evaluate(fitted, tmp_path / "plain")
    assert {variant for _, variant in plain} == {""}
    flip = evaluate(fitted, tmp_path / "flip", "--model.evaluation.flip", "true")
    assert {variant for _, variant in flip} == {"", "flip"}
    options = ("--model.evaluation.reranking", "Reranking", "--model.evaluation.reranking.k1", "4", "--model.evaluation.reranking.k2=2")
    both = evaluate(fitted, tmp_path / "both", "--model.evaluation.flip=true", *options)
    assert {variant for _, variant in both} == {"", "flip", RERANKED, f"flip, {RERANKED}"}
    assert len(both) == 4 * len(plain)
    for rows in (flip, both):
        assert {key: mean for key, mean in rows.items() if not key[1]} == plain
    assert evaluate(fitted, tmp_path / "off", "--model.evaluation.flip=false", "--model.evaluation.reranking=null") == plain


def test_a_saved_reranking_is_used_and_can_be_switched_off(fitted: Path, tmp_path: Path) -> None:
    content = torch.load(fitted, weights_only=True)
    reranking = {"class_path": "vireid.results.Reranking", "init_args": {"k1": 4, "k2": 2}}
    evaluation = {"class_path": "vireid.tasks.Retrieval", "init_args": {"reranking": reranking}}
    content["vireid"]["model"]["init_args"].update(evaluation=evaluation)
    torch.save(content, tmp_path / "saved.ckpt")
    assert {variant for _, variant in evaluate(tmp_path / "saved.ckpt", tmp_path / "on")} == {"", RERANKED}
    assert {variant for _, variant in evaluate(tmp_path / "saved.ckpt", tmp_path / "off", "--model.evaluation.reranking=null")} == {""}
    options = ("--model.evaluation.reranking.k1=3", "--model.evaluation.reranking.neighbours=corrected")
    changed = evaluate(tmp_path / "saved.ckpt", tmp_path / "changed", *options)
    assert {variant for _, variant in changed} == {"", "re-ranked (k1=3, k2=2, lambda=0.3, corrected neighbours)"}


def test_a_bad_setting_is_bad_input(fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--model.evaluation.reranking=Reranking", "--model.evaluation.reranking.k1=0")
    done = run(capsys, "test", "--ckpt", fitted, *options, "--run_dir", tmp_path / "out")
    assert done.code == 2
    assert "`k1` and `k2` must be at least 1, got 0 and 6" in done.err
    assert not (tmp_path / "out").exists()


def test_a_misspelt_option_is_named(fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "test", "--ckpt", fitted, "--model.evaluation.flp=true", "--run_dir", tmp_path / "out")
    assert done.code == 2
    assert "flp" in done.err
