"""Iterations of the published CNet and CDNet searches, by the whole task under a Lightning Trainer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from tests.golden.cdnet import error, golden, tensor
from tests.golden.cdnet_search import filled_state, space_of_file
from vireid.losses import BatchHardTriplet, CrossEntropy
from vireid.models import BalanceHead
from vireid.search import Softmax, TopK
from vireid.structures import Batch, SearchBatch
from vireid.tasks import SGD, Adam, Fixed, SearchModule, TwoLevels, Unrolled

EPOCHS = 2


class Recording(SearchModule):
    """Keeps losses and the gradient of the logits."""

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.seen: list[dict[str, Tensor]] = []

    def training_step(self, batch: Any, batch_idx: int) -> None:
        self.seen.append({})
        super().training_step(batch, batch_idx)
        self.seen[-1]["alphas_after"] = self.architecture.logits.detach().clone()

    def log_means(self, values: Mapping[str, Tensor], batch: Batch) -> None:
        for name, key in (("train/loss", "train_loss"), ("search/architecture_loss", "val_loss")):
            if name in values:
                self.seen[-1][key] = values[name].detach()
        super().log_means(values, batch)

    def step_logits(self) -> None:
        assert self.architecture.logits.grad is not None
        self.seen[-1]["alpha_grad"] = self.architecture.logits.grad.clone()
        super().step_logits()


def batch(data: dict[str, np.ndarray], part: str) -> Batch:
    labels = tensor(data[f"{part}_labels"])
    zeros = torch.zeros_like(labels)
    return Batch(tensor(data[f"{part}_img"]), labels, labels, zeros + 1, zeros, torch.arange(8), 8, (0,), 4)


def search(name: str, path: Path, kind: type[TwoLevels] = TwoLevels, **arguments: Any) -> Recording:
    data, space = golden(f"search_{name}"), space_of_file(name)
    strategy = kind(
        architecture_losses=[CrossEntropy(), BatchHardTriplet()],
        architecture_optimizer=Adam(3e-4, (0.5, 0.999), weight_decay=1e-3),
        architecture_statistics=True,
        temperature=Fixed(1.0),
        warmup_epochs=0,
        **arguments,
    )
    module = Recording(
        4,
        space,
        None,
        [CrossEntropy(), BatchHardTriplet()],
        optimizer=SGD(float(data["sgd_lr"]), 0.9, False, 3e-4),
        strategy=strategy,
        head=BalanceHead((int(data["fc_dim"]),), dropout=0.0, projection=True),
    ).double()
    module.network.load_state_dict(filled_state(module.network.state_dict(), space, int(data["seed"])))
    module.architecture.logits.data = tensor(data["alphas"])
    trainer = pl.Trainer(
        default_root_dir=path,
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader([SearchBatch(batch(data, "train"), batch(data, "val"))], batch_size=None))  # type: ignore[arg-type]
    return module


def compare(module: Recording, data: dict[str, np.ndarray], prefix: str, later: float = 1e-5) -> None:
    for number, seen in enumerate(module.seen):
        known = [entry for entry in seen if f"{prefix}iter{number}/{entry}" in data]
        assert set(known) >= {"train_loss", "alpha_grad", "alphas_after"}
        for entry in known:
            assert error(seen[entry], data[f"{prefix}iter{number}/{entry}"]) < (later if number else 1e-5), (number, entry)


@pytest.mark.parametrize("name", ["cdnet_topk", "cnet_topk"])
def test_top_k(name: str, tmp_path: Path) -> None:
    data = golden(f"search_{name}")
    module = search(name, tmp_path, weight_relaxation=TopK(2), relaxation=TopK(2), order="weights_first")
    compare(module, data, "")
    module.supernet.set_mixture(TopK(2)(module.architecture.logits.detach(), 1.0, torch.Generator()))
    feature = module.network.eval().embed(tensor(data["val_img"]), 8)
    assert error(feature, data["eval_feature_after_2_iters"]) < 1e-5  # the statistics of architecture steps are in it


@pytest.mark.parametrize(("order", "kind"), [("first_order", TwoLevels), ("unrolled", Unrolled)])
@pytest.mark.parametrize("name", ["cdnet_darts", "cnet_darts"])
def test_darts(name: str, order: str, kind: type[TwoLevels], tmp_path: Path) -> None:
    module = search(name, tmp_path, kind, weight_relaxation=Softmax(), relaxation=Softmax())
    compare(module, golden(f"search_{name}"), f"{order}/", later=1e-4 if order == "unrolled" else 1e-5)
