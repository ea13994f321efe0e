"""A search on two processes (gloo), as a user writes it in Python: ``python distributed_run.py ROOT FOLDER SPACE``."""

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from vireid import SearchModule, SYSUDataModule
from vireid.losses import SmoothAveragePrecision
from vireid.search import Argmax, BNSeparation, Derivation, JointNorm, LossScore, MainEffects, SearchSpace, ShortTraining
from vireid.structures import SearchBatch
from vireid.tasks import TwoLevels
from vireid.tasks.recipes import cm_nas_losses

SCORE = LossScore(1, recalibration_batches=1, training=ShortTraining(1))  # children are scored after a training step
SPACES: dict[str, tuple[SearchSpace, Derivation]] = {
    "separation": (BNSeparation("resnet10", width=8), Argmax()),
    "joint": (JointNorm(backbone="resnet10", width=8), MainEffects(5, score=SCORE)),  # all five candidates
}


def search_module(name: str) -> SearchModule:
    space, derivation = SPACES[name]
    losses = [*cm_nas_losses(), SmoothAveragePrecision()]  # the last one ranks the rows of its rank alone
    return SearchModule(9, space, weights=None, losses=losses, strategy=TwoLevels(warmup_epochs=1), derivation=derivation, seed=3)


def data_module(root: str) -> SYSUDataModule:
    return SYSUDataModule(
        root, height=32, width=16, identities_per_batch=3, images_per_identity=2, search_split="image", num_workers=0, seed=3
    )


class Recorder(pl.Callback):
    """What this rank saw: identities of every step, and the first batch with architecture step, its state and its gradients."""

    def __init__(self) -> None:
        self.pids: list[list[list[int]]] = []
        self.first: dict[str, Any] = {}

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: SearchBatch, batch_idx: int) -> None:
        self.pids.append([sorted(set(part.pids.tolist())) for part in (batch.weights, batch.architecture)])
        if trainer.current_epoch == 1 and batch_idx == 0:
            self.first = {"batch": batch, "state": {k: v.clone() for k, v in module.state_dict().items()}, "gradients": {}}

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: torch.optim.Optimizer) -> None:
        if self.first and len(self.first["gradients"]) < 2:
            gradients = {n: None if p.grad is None else p.grad.clone() for n, p in module.named_parameters()}
            self.first["gradients"]["weights" if self.first["gradients"] else "logits"] = gradients


if __name__ == "__main__":
    root, folder, name = sys.argv[1:]
    torch.set_num_threads(1)
    recorder = Recorder()
    trainer = pl.Trainer(
        max_epochs=3,
        limit_train_batches=3,
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[recorder],
    )
    module = search_module(name)
    trainer.fit(module, datamodule=data_module(root))
    genotype = module.derive()
    content = {
        "logits": module.architecture.logits.detach(),
        "choices": dict(genotype.choices),
        "scores": genotype.provenance["derivation"].get("scores"),
        "pids": recorder.pids,
        "first": recorder.first,
        "state": module.state_dict(),
    }
    torch.save(content, Path(folder) / f"rank{trainer.global_rank}.pt")
