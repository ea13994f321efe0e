"""Evaluation with running statistics of the network as it is evaluated."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import pytorch_lightning as pl

from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.structures import Batch, SearchBatch
from vireid.tasks.base import ReIDModule
from vireid.tasks.callbacks.running_statistics import kept_statistics, recalibrate
from vireid.tasks.progress import check_sigterm

logger = logging.getLogger(__name__)


def training_batches(trainer: pl.Trainer, count: int) -> list[Batch | SearchBatch]:
    """The first batches of the training order of epoch 0, as read from disk; the same ones at any time of a run.

    Args:
        trainer: with a vireid data module.
        count: at most so many; fewer if the epoch is shorter.

    Raises:
        SettingsError: there is no data module.
    """
    datamodule = getattr(trainer, "datamodule", None)
    if datamodule is None or not hasattr(datamodule, "train_dataloader"):
        raise SettingsError("Statistics are re-estimated on training rows: pass a vireid `datamodule=` to the Trainer.")
    loader = datamodule.train_dataloader()
    loader.batch_sampler.set_epoch(0)
    loader.batch_sampler.start_at(0)
    read: list[Batch | SearchBatch] = []
    for batch in islice(loader, count):
        check_sigterm(trainer)
        read.append(batch)
    return read


def weight_rows(trainer: pl.Trainer, batches: Iterable[Batch | SearchBatch]) -> Iterator[Batch]:
    """Rows of the weight step, augmented as their keys say and normalised, on the device of the Trainer."""
    for batch in batches:
        check_sigterm(trainer)
        yield trainer.strategy.batch_to_device(batch.weights if isinstance(batch, SearchBatch) else batch)


def training_rows(trainer: pl.Trainer, count: int) -> Iterator[Batch]:
    """Rows of ``count`` weight steps in the training order, from the first batch of epoch 0 on over as many epochs as that takes.

    Args:
        trainer: with a vireid data module; epochs are as long as its ``limit_train_batches`` says.
        count: batches.
    """
    loader = getattr(trainer, "datamodule").train_dataloader()  # noqa: B009  # set by Lightning, which does not declare it
    length = _epoch_length(trainer, loader)
    left, epoch = count, 0
    while left:
        loader.batch_sampler.set_epoch(epoch)
        loader.batch_sampler.start_at(0)
        for batch in weight_rows(trainer, islice(loader, min(left, length))):
            left -= 1
            yield batch
        epoch += 1


def training_length(trainer: pl.Trainer) -> int:
    """Batches of a whole training: ``trainer.max_epochs`` epochs, each as long as ``limit_train_batches`` says.

    Raises:
        SettingsError: no number of epochs.
    """
    epochs = trainer.max_epochs
    if epochs is None or epochs < 1:
        raise SettingsError(f"The length of a training is `trainer.max_epochs`, which is {epochs}: set it to at least 1.")
    loader = getattr(trainer, "datamodule").train_dataloader()  # noqa: B009
    return epochs * _epoch_length(trainer, loader)


def _epoch_length(trainer: pl.Trainer, loader: Any) -> int:
    limit = trainer.limit_train_batches
    return limit if isinstance(limit, int) else max(1, int(len(loader) * limit))


class Recalibration(Recorded, pl.Callback):
    """Evaluation with re-estimated statistics: before each validation, test or prediction, and put back after it.

    The trained statistics stay in the network and in its checkpoints, so training is not changed. Try it for a child that inherits the
    weights of a supernet, because its statistics are those of a mixture, and for averaged weights (:class:`~vireid.tasks.EMA`). The batches
    are the same every time: the first of epoch 0, with their seeded augmentation. Rows of such an evaluation are marked.

    In a configuration, or by ``--trainer.callbacks+=vireid.tasks.Recalibration`` on the command line::

        trainer:
          callbacks:
            - class_path: vireid.tasks.Recalibration
              init_args: {batches: 20}

    Args:
        batches: number of training batches of each process, at least 1.

    Raises:
        SettingsError: ``batches`` below 1.
    """

    def __init__(self, batches: int = 20) -> None:
        if batches < 1:
            raise SettingsError(f"`batches` must be at least 1, got {batches}.")
        self.batches = batches
        self._kept = ExitStack()

    def _start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Begin where the module has put its weights in place."""
        if trainer.sanity_checking:
            return
        read = training_batches(trainer, self.batches)
        self._kept.enter_context(kept_statistics(module))
        with trainer.precision_plugin.forward_context():
            recalibrate(module, weight_rows(trainer, read), module)
        note = f"running statistics re-estimated on {len(read)} training batch{'es' if len(read) > 1 else ''}"
        if isinstance(module, ReIDModule):
            module.notes.append(note)
            self._kept.callback(module.notes.remove, note)
        logger.info("%s for this evaluation.", note.capitalize())

    def _end(self) -> None:
        self._kept.close()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer, pl_module)

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer, pl_module)

    def on_predict_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002 (interface)
        self._end()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._end()

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._end()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        self._end()
