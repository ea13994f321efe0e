"""AGW and CAJ from training to test by commands, on both published layouts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.commands.runs import SPACE, logged, results, small
from vireid import RetrainModule, SYSUDataModule
from vireid.cli import main
from vireid.tasks import read_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny


@pytest.mark.parametrize(
    ("system", "terms"),
    [
        ("agw", {"ce", "wrt"}),
        ("agw_base", {"ce", "batch_hard"}),
        ("caj", {"ce", "esd"}),
        ("caj_plus", {"ce", "esd", "consistency"}),
    ],
)
def test_fit_test_and_reload(system: str, terms: set[str], tmp_path: Path, sysu_root: Path) -> None:
    words = ["-c", "data/sysu.yaml", f"--data.root={sysu_root}", "-c", f"train/{system}.yaml", *SPACE]
    main(["fit", *words, "-c", str(small(tmp_path)), "--run_dir", str(tmp_path / "run")])
    columns = logged(tmp_path / "run")
    assert {name.removeprefix("train/") for name in columns if name.startswith("train/")} == {"loss", *terms}
    assert all(math.isfinite(value) for values in columns.values() for value in values)
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    main(["test", "--ckpt", str(checkpoint), "--data.trials=2", "--run_dir", str(tmp_path / "test")])
    assert set(results(tmp_path / "test")) == {
        f"sysu/{search}/{shot}-shot/seeded" for search in ("all", "indoor") for shot in ("single", "multi")
    }
    rows = json.loads((tmp_path / "test" / "metrics.json").read_text())["results"]
    assert {row["variant"] for row in rows} == ({"", "flip"} if system.startswith("caj") else {""})
    main(["predict", "--ckpt", str(checkpoint), "--run_dir", str(tmp_path / "predict")])
    check_reloaded(checkpoint, tmp_path / "predict" / "embeddings.npz", sysu_root)


def check_reloaded(checkpoint: Path, written: Path, root: Path) -> None:
    """The module that the file holds gives the embeddings that the command wrote."""
    module = RetrainModule.load_from_checkpoint(checkpoint).eval()
    data = SYSUDataModule(root, height=32, width=16, num_workers=0)
    with torch.no_grad():
        rows = torch.cat([module.embed(data.on_after_batch_transfer(batch, 0)) for batch in data.test_dataloader()])
    np.testing.assert_array_equal(np.load(written)["embeddings"], rows.numpy())


def test_caj_on_a_separated_child_of_regdb(tmp_path: Path, regdb_root: Path) -> None:
    words = ["-c", "data/regdb.yaml", f"--data.root={regdb_root}", "-c", "train/caj.yaml", *SPACE, "--model.genotype=all_separate"]
    main(["fit", *words, "-c", str(small(tmp_path)), "--run_dir", str(tmp_path / "run")])
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    names = set(read_checkpoint(checkpoint)["state_dict"])
    assert {"network.backbone.trunk.bn1.infrared.weight", "network.backbone.trunk.layer2.0.bn1.infrared.weight"} <= names
    main(["test", "--ckpt", str(checkpoint), "--run_dir", str(tmp_path / "test")])
    assert set(results(tmp_path / "test")) == {"regdb/visible-to-infrared/trial-1", "regdb/infrared-to-visible/trial-1"}
