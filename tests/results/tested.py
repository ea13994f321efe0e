"""One real test of a small network on a small tree, which several files look at."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from vireid import RetrainModule, SYSUDataModule
from vireid.search import BNSeparation
from vireid.structures import Evaluation
from vireid.tasks import Retrieval


@dataclass(frozen=True)
class FinishedTest:
    """A finished test.

    Attributes:
        folder: its files.
        module: the network.
        data: what it was tested on.
        evaluation: images and protocols.
        embeddings: ``(N, D)`` of all images.
    """

    folder: Path
    module: RetrainModule
    data: SYSUDataModule
    evaluation: Evaluation
    embeddings: Tensor


def run_test(root: Path, folder: Path, evaluation: Retrieval | None = None, genotype: str = "stem_separate", seed: int = 0) -> FinishedTest:
    """Test an untrained network on a tree in the layout of SYSU-MM01."""
    data = SYSUDataModule(str(root), height=32, width=16, num_workers=0, eval_batch_size=64)
    module = RetrainModule(6, genotype, BNSeparation("resnet10", width=8), weights=None, evaluation=evaluation or Retrieval(), seed=seed)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*hold fewer than 10 images")
        trainer.test(module, datamodule=data, verbose=False)
    with torch.no_grad():
        rows = [module.eval().embed(data.on_after_batch_transfer(batch, 0)) for batch in data.test_dataloader()]
    return FinishedTest(folder, module, data, data.evaluation("test"), torch.cat(rows))
