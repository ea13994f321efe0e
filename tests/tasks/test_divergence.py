"""A training that diverges ends by itself, and leaves the last good checkpoint alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from vireid import RetrainModule, SearchModule, SyntheticDataModule
from vireid.cli import main
from vireid.errors import DivergedError
from vireid.search import BNSeparation
from vireid.tasks import LastCheckpoint, SafeCheckpointIO, TwoLevels
from vireid.tasks.base import ReIDModule

SPACE = BNSeparation("resnet10", width=8)
SIZES = {"height": 64, "width": 32, "identities_per_batch": 4, "images_per_identity": 2, "num_workers": 0}


class Poison(pl.Callback):
    """Spoils the weights in the middle of the second epoch."""

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int) -> None:
        if trainer.current_epoch == 1 and batch_idx == 1:
            torch.nn.init.constant_(pl_module.network.neck.norm.weight, torch.nan)  # type: ignore[union-attr]


def fit(module: ReIDModule, folder: Path, *callbacks: pl.Callback, every: int | None = None, **data: object) -> None:
    datamodule = SyntheticDataModule(folder / "people", identities=24, test_identities=6, images=2, **SIZES, **data)  # type: ignore[arg-type]
    settings = {"logger": False, "enable_progress_bar": False, "accelerator": "cpu", "default_root_dir": folder}
    checkpoints = LastCheckpoint(folder / "checkpoints", every)
    trainer = pl.Trainer(max_epochs=4, limit_train_batches=4, callbacks=[checkpoints, *callbacks], plugins=[SafeCheckpointIO()], **settings)  # type: ignore[arg-type]
    trainer.fit(module, datamodule=datamodule)


@pytest.mark.parametrize("every", [None, 1])
def test_the_last_good_checkpoint_stays(tmp_path: Path, every: int | None) -> None:
    module = RetrainModule(18, "all_shared", SPACE, weights=None)
    with pytest.raises(DivergedError, match=r"diverged in epoch 1: [0-9]+ of [0-9]+ weights hold NaN or infinity"):
        fit(module, tmp_path, Poison(), every=every)
    saved = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    assert saved["epoch"] == (0 if every is None else 1)
    assert all(torch.isfinite(value).all() for value in saved["state_dict"].values())


def test_a_search_ends_too(tmp_path: Path) -> None:
    module = SearchModule(14, SPACE, weights=None, strategy=TwoLevels(warmup_epochs=1))
    with pytest.raises(DivergedError, match="diverged"):
        fit(module, tmp_path, Poison(), search_split="identity")
    assert (tmp_path / "genotype.json").exists()  # of the epoch before


def test_the_command_fails_while_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    sizes = ["--data.identities", "24", "--data.test_identities", "6", "--data.identities_per_batch", "4", "--data.num_workers", "0"]
    small = ["--model.space.init_args.width", "8", "--trainer.max_epochs", "3", "--model.optimizer.lr", "1e20", "--data.root", "people"]
    with pytest.raises(SystemExit) as end:
        main(["fit", "-c", "data/synthetic.yaml", "-c", "train/all_shared.yaml", "-c", "train/laptop.yaml", *small, *sizes])
    assert end.value.code == 1
    assert "The training diverged" in capsys.readouterr().err
