"""Plug-ins of a training: parts of the trunk, heads, and learning rates by part."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

import vireid
from vireid.errors import SettingsError
from vireid.models import BNNeckHead, TwoStreams
from vireid.nn import PerModality
from vireid.search import BNSeparation
from vireid.settings import instantiate, settings_of
from vireid.tasks import SGD

SPACE = BNSeparation("resnet10", width=8)


def module(**arguments: object) -> vireid.RetrainModule:
    arguments = {"trunk_parts": [TwoStreams("maxpool")], "head": BNNeckHead(), **arguments}
    return vireid.RetrainModule(5, "all_shared", SPACE, weights=None, **arguments)  # type: ignore[arg-type]


def test_parts_survive_settings_and_checkpoints(tmp_path: Path) -> None:
    trained = module()
    assert isinstance(trained.network.backbone.trunk.get_submodule("conv1"), PerModality)
    again = instantiate(settings_of(trained))
    assert list(again.state_dict()) == list(trained.state_dict())
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", default_root_dir=tmp_path)
    trainer.strategy.connect(trained)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.25)
    trainer.save_checkpoint(tmp_path / "module.ckpt")
    loaded = vireid.RetrainModule.load_from_checkpoint(tmp_path / "module.ckpt")
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in trained.state_dict().items())


def test_parts_learn_at_their_rates() -> None:
    trained = module(optimizer=SGD(0.5, lr_factors={"trunk": 0.1, "neck": 0.2}))
    trained.trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", max_epochs=200)
    (optimizer,), _ = trained.configure_optimizers()
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates == pytest.approx({"trunk": 0.05, "neck": 0.1, "classifier": 0.5})
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(trained.network.parameters()))


def test_rates_of_parts_that_are_not_there() -> None:
    with pytest.raises(SettingsError, match="`lr_factors` names heads; the parts of this network are classifier, neck, trunk"):
        module(optimizer=SGD(lr_factors={"heads": 10.0}))
