"""What layers draw in training depends on seed and batch alone, in every network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from vireid import RegDBDataModule, RetrainModule, SearchModule
from vireid.search import BNSeparation
from vireid.tasks import TwoLevels
from vireid.tasks.base import seed_device

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")


def draws(kind: type[RetrainModule | SearchModule], root: Path, folder: Path, before: int, seed: int = 0) -> list[float]:
    """A number that the backbone draws in each training step, after ``before`` draws of somebody else in every batch."""
    split = "image" if kind is SearchModule else "none"
    data = RegDBDataModule(
        root, height=32, width=16, num_workers=0, identities_per_batch=2, images_per_identity=2, search_split=split, seed=0
    )
    arguments: dict[str, Any] = {"strategy": TwoLevels(warmup_epochs=0)} if kind is SearchModule else {}
    module = kind(data.num_classes, space=BNSeparation("resnet10", width=8), weights=None, seed=seed, **arguments)
    found: list[float] = []

    class Somebody(pl.Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            torch.rand(before)

    module.network.backbone.register_forward_pre_hook(lambda *_: found.append(float(torch.rand(()))))
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=1, limit_train_batches=2, accelerator="cpu", callbacks=[Somebody()], default_root_dir=folder, **quiet)
    trainer.fit(module, datamodule=data)
    return found


@pytest.mark.parametrize("kind", [RetrainModule, SearchModule])
def test_draws_of_layers(kind: type[RetrainModule | SearchModule], regdb_root: Path, tmp_path: Path) -> None:
    found = draws(kind, regdb_root, tmp_path, before=0)
    assert len(set(found)) == len(found) >= 2
    torch.manual_seed(12345)
    assert draws(kind, regdb_root, tmp_path, before=7) == found
    assert draws(kind, regdb_root, tmp_path, before=0, seed=1) != found


def test_a_seed_leaves_no_note_for_devices_that_are_not_used() -> None:
    notes = len(torch.cuda._queued_calls)  # type: ignore[attr-defined]  # calls that wait for the first use of a GPU
    seed_device(7, torch.device("cpu"))
    found = torch.rand(3)
    assert len(torch.cuda._queued_calls) == notes  # type: ignore[attr-defined]
    torch.manual_seed(7)
    assert torch.equal(found, torch.rand(3))
