"""Five training steps of the published code, reproduced by the whole task under a Lightning Trainer."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from tests.golden.formula import checksum, fill_state, images, parse_shapes
from vireid.losses import ClassMMD, CrossEntropy, FourWayHardTriplet, SimilarityPreserving
from vireid.models import load_cmnas_state
from vireid.models.published.cm_nas import reference_name
from vireid.search import BNSeparation
from vireid.structures import Batch
from vireid.structures.resnet_sites import cmnas_order
from vireid.tasks import EMA, Adam, RetrainModule, WarmupMultiStep

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "cmnas_trajectory.npz")
S, P, K, STEPS = int(GOLDEN["S"]), int(GOLDEN["P"]), int(GOLDEN["K"]), 5
TERMS = ("ce", "triplet", "sp", "cmmd")


def batch(step: int) -> Batch:
    pids = [(step + j) % int(GOLDEN["num_classes"]) for j in range(P) for _ in range(K)]
    pixels = torch.cat([images(f"traj/{step}/v", pids, 0.3, S), images(f"traj/{step}/t", pids, -0.3, S)])
    labels = torch.tensor(pids * 2)
    modalities = torch.tensor([0] * len(pids) + [1] * len(pids))
    return Batch(pixels, labels, labels, modalities + 1, modalities, torch.arange(len(labels)), len(pids), (step,), K)


class Recording(RetrainModule):
    """Keeps the losses of every step and the state after it (after the pull-back, where there is one)."""

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.steps: list[list[float]] = []
        self.rates: list[list[float]] = []
        self.states: list[dict[str, torch.Tensor]] = []

    def snapshot(self) -> None:
        self.states.append({reference_name(n): checksum(v) for n, v in self.network.state_dict().items() if v.is_floating_point()})

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        if self.current_epoch:
            self.snapshot()
        self.rates.append([group["lr"] for group in self.trainer.optimizers[0].param_groups])
        loss = super().training_step(batch, batch_idx)
        self.steps.append([*(float(self.logged[f"train/{term}"]) for term in TERMS), float(loss)])
        return loss

    def log_means(self, values: Mapping[str, torch.Tensor], batch: Batch) -> None:
        self.logged = dict(values)  # the task keeps means over the epoch
        super().log_means(values, batch)

    def on_train_end(self) -> None:
        self.snapshot()
        super().on_train_end()


@pytest.fixture(scope="module", params=["plain", "emaload"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Recording]:
    space = BNSeparation("resnet18")
    codes = ["shared_bn" if value else "separate_bn" for value in GOLDEN["config"]]
    genotype = space.genotype(dict(zip(cmnas_order("resnet18"), codes, strict=True)))
    module = Recording(
        int(GOLDEN["num_classes"]),
        genotype.to_dict(),
        weights=None,
        losses=[CrossEntropy(), FourWayHardTriplet(), SimilarityPreserving(), ClassMMD()],
        optimizer=Adam(
            schedule=WarmupMultiStep((4,), 0.1, 3, 0.01),  # one batch is one epoch here: the golden run advances it per step
            lr_factors={"trunk": 0.1},
        ),
        ema=EMA(0.9, "pull_back", 2) if request.param == "emaload" else EMA(0.9, "average"),
    ).double()
    state = fill_state(parse_shapes(GOLDEN["state_names"], GOLDEN["state_shapes"]), S)
    report = load_cmnas_state(module.network, state)
    assert not report.missing
    assert not report.unused
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
            return DataLoader([batch(self.trainer.current_epoch)], batch_size=None)

    trainer.fit(module, datamodule=Data())
    return request.param, module


def test_losses_and_rates(run: tuple[str, Recording]) -> None:
    name, module = run
    np.testing.assert_allclose(module.steps, GOLDEN[f"losses_{name}"], rtol=1e-6)
    np.testing.assert_allclose(module.rates, GOLDEN["lrs"], rtol=1e-12)


def test_every_tensor_after_every_step(run: tuple[str, Recording]) -> None:
    name, module = run
    compared = 0
    for step in range(STEPS):
        for i, tensor in enumerate(GOLDEN["names"]):
            if str(tensor) in module.states[step]:  # a lean child lacks the batch norms that its decisions leave unused
                expected = GOLDEN[f"checks_{name}"][step, i]
                np.testing.assert_allclose(module.states[step][str(tensor)], expected, rtol=1e-6, atol=1e-6 * abs(expected).max())
                compared += 1
    assert compared >= STEPS * 40


def test_final_shadow(run: tuple[str, Recording]) -> None:
    name, module = run
    assert module.ema is not None
    shadow = {reference_name(n): checksum(v) for n, v in module.ema.shadow.items()}
    for i, tensor in enumerate(GOLDEN["names"]):
        if str(tensor) in shadow:
            expected = GOLDEN[f"ema_final_{name}"][i]
            np.testing.assert_allclose(shadow[str(tensor)], expected, rtol=1e-6, atol=1e-6 * abs(expected).max())
