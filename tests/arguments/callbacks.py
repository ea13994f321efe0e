"""Arguments of callbacks: what rests in which epoch, statistics of an evaluation, and when a search ends."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from tests.arguments.table import Change, Table
from tests.arguments.tasks import fit_loop
from vireid.tasks import FrozenBase, LastCheckpoint, Recalibration, SearchModule, StopWhenStable


def observe_frozen(callback: FrozenBase) -> list[bool]:
    """Whether the base trains in every epoch."""
    network = nn.Module()
    network.base, network.classifier = nn.Linear(1, 1), nn.Linear(1, 1)
    module: Any = SimpleNamespace(network=network)
    trains = []
    for epoch in range(12):
        callback.on_train_epoch_start(SimpleNamespace(current_epoch=epoch), module)
        trains.append(network.base.training)
    return trains


class Loader(list[Tensor]):
    """Batches in an order of epochs."""

    batch_sampler = mock.Mock()


def observe_recalibrated(callback: Recalibration) -> Tensor:
    """Running means of a test, each batch of which is brighter than the one before."""
    module: Any = nn.BatchNorm1d(1)
    trainer: Any = SimpleNamespace(
        sanity_checking=False,
        datamodule=SimpleNamespace(train_dataloader=lambda: Loader(torch.full((2, 1), float(batch)) for batch in range(30))),
        strategy=SimpleNamespace(batch_to_device=lambda batch: batch),
        precision_plugin=SimpleNamespace(forward_context=nullcontext),
    )
    callback.on_test_epoch_start(trainer, module)
    mean: Tensor = module.running_mean.clone()
    callback.on_test_end(trainer, module)
    return mean


def observe_stop(callback: StopWhenStable) -> int:
    """Epochs until a search ends whose order never changes."""
    module, trainer = mock.Mock(spec=SearchModule), SimpleNamespace(should_stop=False, fit_loop=fit_loop(2, 2), num_training_batches=2)
    module.strategy, module.architecture = mock.Mock(), mock.Mock()
    module.architecture.ranking.return_value = {"site": ["first", "second"]}
    epochs = 0
    while not trainer.should_stop:
        callback.on_train_epoch_end(trainer, module)
        epochs += 1
    return epochs


def observe_checkpoints(callback: LastCheckpoint) -> list[Any]:
    """Files that an epoch of six batches writes, and after which batch."""
    trainer: Any = mock.Mock(num_training_batches=6, accumulate_grad_batches=1, fast_dev_run=False)
    counts = []
    for batch in range(6):
        trainer.fit_loop = fit_loop(batch + 1, 6)
        callback.on_train_batch_end(trainer, mock.Mock(spec=[]), None, None, batch)
        counts.append(trainer.save_checkpoint.call_count)
    callback.on_train_epoch_end(trainer, mock.Mock())
    return [counts, [call.args for call in trainer.save_checkpoint.mock_calls]]


TABLES = [
    Table(FrozenBase, observe_frozen, {"epochs": Change(3)}),
    Table(Recalibration, observe_recalibrated, {"batches": Change(3)}),
    Table(LastCheckpoint, observe_checkpoints, {"directory": Change("b"), "every_n_batches": Change(2)}, {"directory": "a"}),
    Table(StopWhenStable, observe_stop, {"epochs": Change(3)}),
]
