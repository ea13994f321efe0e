"""A loss of a user, which derives from Loss alone, is trained, kept in checkpoints and rebuilt."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from vireid import RegDBDataModule, RetrainModule
from vireid.errors import CheckpointError
from vireid.losses import CrossEntropy, Loss, LossInputs
from vireid.search import BNSeparation
from vireid.tasks import LastCheckpoint, SafeCheckpointIO

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")


class CentreDistance(Loss):
    """Squared distance of the centres of both modalities."""

    def __init__(self, power: float, weight: float = 1.0, name: str = "centres") -> None:
        super().__init__(weight, name)
        self.power = power

    def forward(self, output: LossInputs) -> Tensor:
        return (output.visible.features.mean(0) - output.infrared.features.mean(0)).square().sum() ** self.power


PATH = f"{CentreDistance.__module__}.CentreDistance"


def test_a_loss_of_ones_own_survives_its_checkpoint(regdb_root: Path, tmp_path: Path) -> None:
    data = RegDBDataModule(regdb_root, height=32, width=16, num_workers=0, identities_per_batch=2, images_per_identity=2)
    module = RetrainModule(
        data.num_classes, space=BNSeparation("resnet10", width=8), weights=None, losses=[CrossEntropy(), CentreDistance(0.5, weight=0.25)]
    )
    trainer = pl.Trainer(
        max_epochs=1,
        limit_train_batches=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[LastCheckpoint(tmp_path)],
        plugins=[SafeCheckpointIO()],
        default_root_dir=tmp_path,
    )
    trainer.fit(module, datamodule=data)
    assert trainer.callback_metrics["train/centres"] > 0
    with pytest.raises(CheckpointError, match=r"asks to import 'tests.tasks.test_own_loss.CentreDistance'"):
        RetrainModule.load_from_checkpoint(tmp_path / "last.ckpt")
    loaded = RetrainModule.load_from_checkpoint(tmp_path / "last.ckpt", allowed=(PATH,))
    (_, own) = loaded.losses.losses
    assert own.settings() == {"class_path": PATH, "init_args": {"power": 0.5, "weight": 0.25, "name": "centres"}}
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in module.state_dict().items())
