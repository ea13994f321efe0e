"""CGRNet and HHRG by commands on SYSU-MM01's layout: what a configuration trains is what its checkpoint holds and tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.commands.runs import SPACE, logged, results, small
from vireid import RetrainModule, SYSUDataModule
from vireid.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny
OWN = {
    "cgrnet_released": ({"ce", "batch_hard"}, []),
    "cgrnet_full": ({"ce", "batch_hard", "attention"}, []),
    "hhrg": (
        {"part_ce", "hetero_centre", "cross_correlation", "local_alignment", "relation"},
        ["--model.head.init_args.stripes=2"],
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_fit_test_and_predict(name: str, sysu_root: Path, tmp_path: Path) -> None:
    terms, words = OWN[name]
    sizes = ["-c", str(small(tmp_path)), *SPACE, *words, "--trainer.limit_train_batches=2"]
    run = tmp_path / "run"
    main(["fit", "-c", "data/sysu.yaml", "-c", f"train/{name}.yaml", f"--data.root={sysu_root}", *sizes, "--run_dir", str(run)])
    columns = logged(run)
    assert {column for column in columns if column.startswith("train/")} == {f"train/{term}" for term in (*terms, "loss")}
    assert np.isfinite([columns[f"train/{term}"] for term in (*terms, "loss")]).all()
    checkpoint = str(run / "checkpoints" / "last.ckpt")
    main(["test", "--ckpt", checkpoint, "--data.trials=2", "--run_dir", str(tmp_path / "test")])
    plain = {f"sysu/{search}/{shot}-shot/seeded" for search in ("all", "indoor") for shot in ("single", "multi")}
    assert set(results(tmp_path / "test")) == plain
    main(["predict", "--ckpt", checkpoint, "--run_dir", str(tmp_path / "predict")])
    module = RetrainModule.load_from_checkpoint(checkpoint).eval()
    data = SYSUDataModule(sysu_root, height=32, width=16, num_workers=0)
    with torch.no_grad():
        rows = torch.cat([module.embed(data.on_after_batch_transfer(batch, 0)) for batch in data.test_dataloader()])
    np.testing.assert_array_equal(np.load(tmp_path / "predict" / "embeddings.npz")["embeddings"], rows.numpy())
    gammas = [float(value) for key, value in module.state_dict().items() if key.endswith("gamma")]
    assert {"cgrnet_released": gammas == [0.0, 0.0], "cgrnet_full": len(gammas) == 5 and all(gammas), "hhrg": not gammas}[name]
