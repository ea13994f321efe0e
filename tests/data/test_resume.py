"""Under a Trainer: a run that stops in the middle of an epoch goes on with the batches that it would have had."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from vireid.data import RegDBDataModule
from vireid.structures import Batch, SearchBatch

Seen = list[tuple[tuple[int, ...], float]]


class Watcher(pl.LightningModule):
    """Notes key and pixel sum of every batch; stops at batch ``stop`` of all that it sees."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.stop, self.seen = stop, Seen()

    def training_step(self, batch: Batch | SearchBatch, batch_idx: int) -> torch.Tensor:
        if self.stop is not None and len(self.seen) == self.stop:
            raise KeyError("killed")
        rows = batch.architecture if isinstance(batch, SearchBatch) else batch
        assert rows.key[3] == batch_idx
        self.seen.append((rows.key, rows.images.double().sum().item()))
        return self.layer(torch.ones(1, 1)).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def make_data(root: Path, workers: int, search_split: Any) -> RegDBDataModule:
    return RegDBDataModule(
        root, height=8, width=8, identities_per_batch=1, images_per_identity=4, num_workers=workers, search_split=search_split
    )


def fit(folder: Path, make: Callable[[], RegDBDataModule], stop: int | None = None, every: int = 1, ckpt: Path | None = None) -> Seen:
    model = Watcher(stop)
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[ModelCheckpoint(folder, every_n_train_steps=every, save_top_k=-1, filename="{step}")],
    )
    try:
        trainer.fit(model, datamodule=make(), ckpt_path=ckpt, weights_only=False if ckpt else None)
    except KeyError:
        assert stop is not None
    return model.seen


@pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("search_split", ["none", "identity"])
def test_the_same_images_come_again_where_a_network_is_to_overfit(regdb_root: Path, workers: int, search_split: Any) -> None:
    make = partial(make_data, regdb_root, workers, search_split)
    model = Watcher()
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    pl.Trainer(max_epochs=3, overfit_batches=2, accelerator="cpu", **quiet).fit(model, datamodule=make())
    first, second = model.seen[:2]
    assert model.seen == [first, second] * 3
    assert first[1] != second[1]
    assert len(make().train_dataloader()) > 2


@pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("search_split", ["none", "identity"])
def test_a_killed_run_goes_on_exactly(regdb_root: Path, tmp_path: Path, workers: int, search_split: Any) -> None:
    make = partial(make_data, regdb_root, workers, search_split)
    whole = fit(tmp_path / "whole", make)
    length = len(make().train_dataloader())
    assert len(whole) == 3 * length > 12
    assert [key[2:4] for key, _ in whole] == [(epoch, batch) for epoch in range(3) for batch in range(length)]
    for stop in (2, length - 1, length, length + 1, 2 * length + 3):  # in the first epoch, around its end, in the last epoch
        folder = tmp_path / f"stop{stop}"
        assert fit(folder, make, stop) == whole[:stop]
        assert fit(folder / "on", make, ckpt=folder / f"step={stop}.ckpt") == whole[stop:]
