"""SearchModule on one level goes through the published search of OSNet-AIN, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from tests.search.spaces.test_golden_osnet_supernet import DATA, LABELS, Course, check_course, course, filled_network, images, loss_of
from vireid import SearchModule
from vireid.losses import Loss, LossInputs
from vireid.models import FullyConnectedHead
from vireid.search import OSNetAIN, RectifiedGumbel
from vireid.structures import Batch
from vireid.tasks import SGD, OneLevel, Temperature

STEPS = 6


class PublishedLoss(Loss):
    """Targets rounded to float32, as in the file: exact ones differ by 5e-9, and each step multiplies that."""

    def forward(self, output: LossInputs) -> Tensor:
        assert output.logits is not None
        return loss_of(output.logits)


class PublishedTemperature(Temperature):
    def __call__(self, step: int, steps: int) -> float:
        return float(DATA["traj_lmda"][min(step, steps - 1)])


class Courses(pl.Callback):
    def __init__(self) -> None:
        self.seen = Course()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seen.w.append(pl_module.architecture.logits.detach().clone())  # type: ignore[union-attr, operator]
        self.seen.bias.append(pl_module.network.classifier.bias.detach().clone())  # type: ignore[union-attr, operator]


def test_trajectory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = iter(torch.from_numpy(DATA["traj_u"]))
    monkeypatch.setattr("vireid.search.relaxations.rectified_gumbel.uniform_noise", lambda like, generator: next(rows))
    sgd = SGD(0.1, 0.9, False, 5e-4)
    strategy = OneLevel(RectifiedGumbel(), sgd, PublishedTemperature(), warmup_epochs=0)
    module = SearchModule(
        7,
        OSNetAIN("x0_25"),
        weights=None,
        head=FullyConnectedHead(32, affine=False),
        losses=[PublishedLoss(1.0, "ce")],
        optimizer=sgd,
        strategy=strategy,
    ).double()
    module.network.load_state_dict(filled_network().state_dict())
    batch = Batch(images(), LABELS, LABELS, LABELS, torch.zeros(4, dtype=torch.int64), torch.arange(4), 4)
    courses, quiet = Courses(), {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=STEPS, accelerator="cpu", default_root_dir=tmp_path, callbacks=[courses], **quiet)  # type: ignore[arg-type]
    trainer.fit(module, torch.utils.data.DataLoader([batch], batch_size=None))
    check_course(courses.seen)
    by_hand = course(images())
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(courses.seen.w, by_hand.w, strict=True))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(courses.seen.bias, by_hand.bias, strict=True))
