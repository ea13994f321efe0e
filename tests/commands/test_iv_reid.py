"""IV-REID from its configurations to a tested checkpoint, on trees of both published layouts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.commands.runs import SPACE, logged, results, small
from vireid import RetrainModule
from vireid.cli import main
from vireid.data import WithoutReplacementSampler
from vireid.settings import instantiate
from vireid.tasks import read_checkpoint

TERMS = ("loss", "ce", "modality_ce", "mutual_kl", "batch_hard")
ROWS = {
    "sysu": {f"sysu/{search}/{shot}-shot/seeded" for search in ("all", "indoor") for shot in ("single", "multi")},
    "regdb": {f"regdb/{way}/trial-1" for way in ("visible-to-infrared", "infrared-to-visible")},
}
pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny


@pytest.mark.parametrize("name", ["sysu", "regdb"])
def test_from_configuration_to_results(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    root, run = request.getfixturevalue(f"{name}_root"), tmp_path / "run"
    words = ["-c", f"data/{name}.yaml", "-c", f"train/iv_reid_{name}.yaml", *SPACE, "-c", str(small(tmp_path)), f"--data.root={root}"]
    main(["fit", *words, "--run_dir", str(run)])
    columns = logged(run)
    for term in TERMS:
        assert len(columns[f"train/{term}"]) == 2
        assert all(math.isfinite(value) and value > 0 for value in columns[f"train/{term}"])
    checkpoint = run / "checkpoints" / "last.ckpt"
    saved = read_checkpoint(checkpoint)
    module, fresh = RetrainModule.load_from_checkpoint(checkpoint), instantiate(saved["vireid"]["model"], weights=None)
    before, after = fresh.network.named_parts(), module.network.named_parts()
    steps = {part: max(float((p - q).detach().abs().max()) for p, q in zip(before[part], after[part], strict=True)) for part in before}
    assert steps["modality_heads"] > 5 * max(steps["trunk"], steps["neck"], steps["classifier"]) > 0  # Adam steps as far as the rate says
    data = instantiate(saved["vireid"]["data"])
    sampler = data.train_dataloader().batch_sampler
    assert type(sampler) is WithoutReplacementSampler
    main(["test", "--ckpt", str(checkpoint), "--run_dir", str(tmp_path / "test")])
    assert set(results(tmp_path / "test")) == ROWS[name]
    main(["predict", "--ckpt", str(checkpoint), "--run_dir", str(tmp_path / "predict")])
    written = np.load(tmp_path / "predict" / "embeddings.npz")["embeddings"]
    with torch.no_grad():
        rows = [module.eval().embed(data.on_after_batch_transfer(batch, 0)) for batch in data.test_dataloader()]
    np.testing.assert_array_equal(written, torch.cat(rows).numpy())


@pytest.mark.parametrize(("name", "reduction", "margin"), [("sysu", "batchmean", 0.3), ("regdb", "mean", 0.2)])
def test_presets_and_what_to_do_otherwise(name: str, reduction: str, margin: float, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(f"{name}_root")
    words = ["-c", f"data/{name}.yaml", "-c", f"train/iv_reid_{name}.yaml", *SPACE, "-c", str(small(tmp_path)), f"--data.root={root}"]
    ours = ["--model.trunk_parts", "null", "--model.head.init_args.neck_bias", "false"]
    main(["fit", *words, *ours, "--trainer.max_epochs=1", "--run_dir", str(tmp_path / "run")])
    module = RetrainModule.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    kl, triplet = list(module.losses.losses)[2:]
    assert (kl.reduction, triplet.margin, triplet.on) == (reduction, margin, "embeddings")
    assert module.trunk_parts == []
    assert not module.network.neck.norm.bias.any()
