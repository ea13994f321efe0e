"""Only the classifier moves in the first epochs, then everything; resume is exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.tasks.callbacks.test_recalibration import data, trainer
from vireid import RetrainModule
from vireid.errors import SettingsError
from vireid.losses import AttentionAlignment, CrossEntropy, ModalityCrossEntropy
from vireid.models import ChannelGraphs, MutualLearningHead, TwoStreams
from vireid.search import BNSeparation, OSNetAIN
from vireid.settings import instantiate, settings_of
from vireid.tasks import Adam, FrozenBase, WarmupMultiStep

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")


def child(classes: int, **arguments: Any) -> RetrainModule:
    optimizer = Adam(0.0015, (0.9, 0.999), amsgrad=True, schedule=WarmupMultiStep())
    return RetrainModule(classes, "osnet_ain", OSNetAIN("x0_25"), None, optimizer=optimizer, **arguments)


class States(pl.Callback):
    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.seen.append({name: value.clone() for name, value in module.state_dict().items()})


def test_what_is_frozen_and_what_moves(sysu_root: Path, tmp_path: Path) -> None:
    datamodule, states = data(sysu_root), States()
    module = child(datamodule.num_classes)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trainer(tmp_path, FrozenBase(1), states).fit(module, datamodule=datamodule)
    first, second = states.seen
    moved = {name for name, value in first.items() if not torch.equal(value, before[name])}
    assert moved == {"network.classifier.weight"}
    then = {name for name, value in second.items() if not torch.equal(value, first[name])}
    assert {name for name, value in module.named_parameters() if value.dim() > 1} <= then  # a gate's bias of a dead ReLU stays 0
    assert {name for name in second if "running" in name} <= then
    assert all(part.training for part in module.network.modules())


def test_the_classifier_moves_as_if_the_rest_were_constant(sysu_root: Path, tmp_path: Path) -> None:
    """Reference: gradients of the classifier alone, over embeddings in evaluation mode."""
    datamodule, states = data(sysu_root), States()
    module, twin = child(datamodule.num_classes), child(datamodule.num_classes)
    twin.load_state_dict(module.state_dict())
    seen: list[Any] = []

    class Batches(pl.Callback):
        def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
            if trainer.current_epoch == 0:
                seen.append(batch)

    trainer(tmp_path, FrozenBase(1), Batches(), states).fit(module, datamodule=datamodule)
    classifier = twin.network.classifier
    factor = WarmupMultiStep()(0)
    optimiser = torch.optim.Adam(classifier.parameters(), 0.0015 * factor, (0.9, 0.999), weight_decay=5e-4, amsgrad=True)  # type: ignore[union-attr]
    twin.eval()
    for batch in seen:
        optimiser.zero_grad()
        twin.summed_loss(twin.losses, twin(batch), batch)[0].backward()
        optimiser.step()
    torch.testing.assert_close(states.seen[0]["network.classifier.weight"], classifier.weight.detach())  # type: ignore[union-attr]


def test_refused(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root)
    with pytest.raises(SettingsError, match="must be at least 1, got 0"):
        FrozenBase(0)
    with pytest.raises(SettingsError, match=r"freezes the trunk for 2 epochs, but `trainer.max_epochs` is 2"):
        trainer(tmp_path, FrozenBase(2)).fit(child(datamodule.num_classes), datamodule=datamodule)
    with pytest.raises(SettingsError, match="freezes everything but the classifier, and this network has none"):
        FrozenBase().on_fit_start(pl.Trainer(logger=False, accelerator="cpu"), pl.LightningModule())


def test_settings() -> None:
    assert settings_of(FrozenBase(3)) == {"class_path": "vireid.tasks.FrozenBase", "init_args": {"epochs": 3}}
    assert instantiate(settings_of(FrozenBase(3))).epochs == 3


def test_losses_get_what_the_resting_network_reports(sysu_root: Path, tmp_path: Path) -> None:
    module = RetrainModule(
        6,
        "all_shared",
        BNSeparation("resnet10", width=8),
        None,
        losses=[CrossEntropy(), ModalityCrossEntropy(), AttentionAlignment()],
        trunk_parts=[ChannelGraphs("layer1"), TwoStreams("layer1")],
        head=MutualLearningHead(hidden=8),
    )
    fit = trainer(tmp_path, FrozenBase(1))
    before = module.network.backbone.trunk.get_submodule("layer2.0.bn1").running_mean.clone()
    fit.fit(module, datamodule=data(sysu_root))
    assert {"train/modality_ce", "train/ce"} <= set(fit.callback_metrics)
    assert not torch.equal(before, module.network.backbone.trunk.get_submodule("layer2.0.bn1").running_mean)  # of the second epoch
