"""Training steps of the published AGW and CAJ code, reproduced by the packaged configurations under a Lightning Trainer."""

from __future__ import annotations

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from tests.golden.agw import arguments, fill
from tests.golden.cgrnet_tiny import recipe
from tests.golden.cmnas import golden
from tests.golden.formula import checksum, images
from vireid.losses import InfraredDistillation, LossSum
from vireid.losses.functional import weighted_distances
from vireid.models import NetworkOutput
from vireid.models.published.agw import reference_names
from vireid.settings import instantiate
from vireid.structures import Batch
from vireid.tasks import RetrainModule

GOLDEN = golden("agw_trajectory")
S, CLASSES, STEPS = int(GOLDEN["S"]), int(GOLDEN["num_classes"]), 3


def batch(method: str, step: int) -> Batch:
    pids = [(step + j) % CLASSES for j in range(3) for _ in range(2)]
    visible, second, infrared = (images(f"agwtraj/{step}/{tag}", pids, shift, S) for tag, shift in (("v", 0.3), ("v2", 0.3), ("t", -0.3)))
    labels, modalities = torch.tensor(pids * 2), torch.tensor([0] * len(pids) + [1] * len(pids))
    both = torch.cat([visible, infrared])
    plain = Batch(both, labels, labels, modalities + 1, modalities, torch.arange(len(both)), len(pids), (step,), 2)
    return plain if method == "agw" else plain.with_views(visible, second, infrared=infrared)


class Recording(RetrainModule):
    """Keeps the unweighted losses and the anchors that count as correct of every step, and the state after it."""

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.steps: list[list[float]] = []
        self.rates: list[list[float]] = []
        self.states: list[torch.Tensor] = []

    def snapshot(self) -> None:
        state = self.network.state_dict()
        names = {theirs: ours for ours, theirs in reference_names(state).items()}
        self.states.append(torch.stack([checksum(state[names[str(name)]]) for name in GOLDEN["names"]]))

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        if self.current_epoch:
            self.snapshot()
        self.rates.append([group["lr"] for group in self.trainer.optimizers[0].param_groups])
        self.terms: list[float] = []
        loss = super().training_step(batch, batch_idx)
        self.steps.append([*[*self.terms, 0.0][:3], float(loss.detach()), self.correct])
        return loss

    def summed_loss(
        self, losses: LossSum, output: NetworkOutput, batch: Batch, without_classes: bool = False
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        inputs = self.loss_inputs(output.branches[0], batch)
        extra = [InfraredDistillation()] if batch.visible_views > 1 else []  # the reference computes it, with weight 0
        self.terms = [float(loss(inputs).detach()) for loss in (*losses.losses, *extra)]
        positive, negative = weighted_distances(output.features.detach(), batch.labels)
        self.correct = int((negative >= positive).sum())
        return super().summed_loss(losses, output, batch, without_classes)

    def on_train_end(self) -> None:
        self.snapshot()
        super().on_train_end()


@pytest.fixture(scope="module", params=["agw", "caj"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Recording]:
    method: str = request.param
    module = Recording(CLASSES, **instantiate(arguments(method))).double()
    fill(module.network, S, float(GOLDEN["gamma_scale"]))  # type: ignore[arg-type]  # a ReIDNetwork
    trainer = pl.Trainer(
        max_epochs=STEPS,
        precision="64-true",
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path_factory.mktemp("trajectory"),
        reload_dataloaders_every_n_epochs=1,
    )

    class Data(pl.LightningDataModule):
        def train_dataloader(self) -> DataLoader:
            return DataLoader([batch(method, self.trainer.current_epoch)], batch_size=None)

    trainer.fit(module, datamodule=Data())
    return method, module


def test_losses_counts_and_rates(run: tuple[str, Recording]) -> None:
    method, module = run
    np.testing.assert_allclose(module.steps, GOLDEN[f"{method}_losses"], rtol=1e-6)
    np.testing.assert_allclose(module.rates, GOLDEN["lrs"], rtol=1e-12)


def test_every_tensor_after_every_step(run: tuple[str, Recording]) -> None:
    method, module = run
    for found, expected in zip(module.states, GOLDEN[f"{method}_checks"], strict=True):
        scale = 1e-6 * abs(expected).max(axis=1, keepdims=True)
        assert (abs(found.numpy() - expected) <= scale).all()


@pytest.mark.parametrize("config", ["agw", "agw_base", "caj", "caj_plus"])
def test_rates_of_all_epochs(config: str) -> None:
    data = golden("agw_lr")
    base = float(data["base_lr"])
    schedule = instantiate(recipe(config)["optimizer"]).schedule
    rates = [[base * factor * schedule(epoch) for factor in (0.1, 1.0, 1.0)] for epoch in range(len(data["lr"]))]
    np.testing.assert_allclose(rates, data["lr"], rtol=1e-12)
