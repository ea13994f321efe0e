"""First epochs in which only the classifier trains."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import nn

from vireid.errors import SettingsError
from vireid.nn import Reporting
from vireid.settings import Recorded
from vireid.tasks.base import ReIDModule


class FrozenBase(Recorded, pl.Callback):
    """Freeze everything but the classifier in the first epochs: no step, no weight decay, no change of running statistics.

    The frozen epochs count: the learning rate follows its schedule in them too. Gradients are computed and dropped, so that the set of
    parameters is the same in all epochs and processes.

    In a configuration::

        trainer:
          callbacks:
            - class_path: vireid.tasks.FrozenBase
              init_args: {epochs: 10}

    Args:
        epochs: length of the freeze from the start, at least 1.

    Raises:
        SettingsError: fewer epochs, a network without a classifier, or a run that ends before it trains more than that.

    Reference:
        OSNet and OSNet-AIN (Zhou et al., ICCV 2019 and TPAMI 2021), public training code, which freezes the embedding layer too.
    """

    def __init__(self, epochs: int = 10) -> None:
        if epochs < 1:
            raise SettingsError(f"`epochs` of FrozenBase must be at least 1, got {epochs}. Leave the callback out to freeze nothing.")
        self.epochs = epochs

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not isinstance(pl_module, ReIDModule) or getattr(pl_module.network, "classifier", None) is None:
            raise SettingsError("FrozenBase freezes everything but the classifier, and this network has none. Leave the callback out.")
        if not getattr(trainer, "fast_dev_run", False) and trainer.max_epochs is not None and 0 <= trainer.max_epochs <= self.epochs:
            raise SettingsError(
                f"FrozenBase freezes the trunk for {self.epochs} epochs, but `trainer.max_epochs` is {trainer.max_epochs}, so the "
                "trunk would never train. Raise `trainer.max_epochs`, or lower `epochs` of the callback."
            )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """As at the start of an epoch: a run that goes on in the middle of one is not told of its start."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Evaluation mode for what is frozen; training mode for all after the last frozen epoch."""
        network = _network(pl_module)
        network.train(trainer.current_epoch >= self.epochs)
        network.classifier.train()  # type: ignore[union-attr]  # checked before
        for module in (network, *(part for part in network.modules() if isinstance(part, Reporting))):
            module.training = True  # by itself, for losses that read what they report in training

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:  # noqa: ARG002
        """Drop the gradients of what is frozen: an optimiser leaves parameters without a gradient as they are."""
        if trainer.current_epoch >= self.epochs:
            return
        for name, parameter in _network(pl_module).named_parameters():
            if not name.startswith("classifier."):
                parameter.grad = None


def _network(pl_module: pl.LightningModule) -> nn.Module:
    network = pl_module.network
    assert isinstance(network, nn.Module)
    return network
