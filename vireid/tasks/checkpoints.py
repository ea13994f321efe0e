"""Checkpoints that are safe to write, safe to read, and enough to rebuild what they hold."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.utilities.exceptions import SIGTERMException

from vireid.errors import CheckpointError, MissingFileError, VireidError
from vireid.files import atomic_file, keep_as
from vireid.settings import check_class_paths, check_objects
from vireid.settings.bounds import check_bounds
from vireid.tasks.checkpoint_values import check_values, misfits
from vireid.tasks.progress import epoch_is_over, is_between_batches, validate_again, window_is_whole
from vireid.torch_files import read_whole

LOG = logging.getLogger(__name__)
SECTION = "vireid"
VERSION = 2  # 1: before tasks held their evaluation
LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and moves into place; reads tensors and plain values only.

    A run that is killed while it writes leaves the checkpoint before intact.

    Example::

        trainer = pl.Trainer(plugins=[SafeCheckpointIO()])
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:  # noqa: ARG002 (interface)
        with atomic_file(Path(path)) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ARG002
        return read_checkpoint(path, map_location, allowed=None)


def read_checkpoint(
    path: str | os.PathLike[str], map_location: Any = "cpu", allowed: tuple[str, ...] | None = ("vireid.",)
) -> dict[str, Any]:
    """A checkpoint of ours; nothing in it is executed, and only classes that may be imported are.

    Args:
        path: the file.
        map_location: device of the tensors.
        allowed: prefixes of class paths that the file may name; ``None`` where only its tensors are wanted and no class is imported.

    Raises:
        MissingFileError: no such file.
        CheckpointError: truncated, with a wrong checksum, with a payload that is not data, not written by vireid, of another format, with
            values that no training leaves, or naming foreign classes.

    Example::

        settings = read_checkpoint("runs/child/checkpoints/last.ckpt")["vireid"]["model"]
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise MissingFileError(f"There is no checkpoint file {name!r}.")
    try:
        content = read_whole(path, map_location)
        section = _settings(content, repr(name))
        check_values(content, repr(name))
    except CheckpointError as error:
        raise CheckpointError(f"{error}{_way_out(Path(path))}") from error
    if allowed is not None:
        check_class_paths(section, allowed)
        check_objects(section, allowed)
    return {**content, SECTION: section}


def _settings(content: Any, name: str) -> dict[str, Any]:
    """What rebuilds model and data, as plain values."""
    section = content.get(SECTION) if isinstance(content, dict) else None
    if not isinstance(section, dict) or "version" not in section or "state_dict" not in content:
        raise CheckpointError(f"{name} was not written by vireid: it lacks the settings to rebuild its model.")
    if section["version"] != VERSION:
        raise CheckpointError(
            f"{name} has checkpoint format {section['version']!r}, and this vireid reads format {VERSION} only: "
            "use the vireid that wrote it, or train again."
        )
    try:
        check_bounds(section)
        section = json.loads(json.dumps(section))  # what the checks see is what the parser will see: no tuple becomes a list behind them
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{name} is damaged: its settings are no plain values ({error}).") from error
    for part in (section.get("model"), section.get("data") or section.get("model")):
        if not (isinstance(part, dict) and "class_path" in part and isinstance(part.get("init_args"), dict)):
            raise CheckpointError(f"{name} is damaged: it lacks the settings to rebuild its model or its data.")
    return dict(section)


def _way_out(path: Path) -> str:
    """The checkpoint to take instead of a bad one."""
    before = path.with_name(PREVIOUS)
    return f" The checkpoint before it is beside it: give {str(before)!r} instead." if path.name != PREVIOUS and before.is_file() else ""


def check_fits(path: str | os.PathLike[str], content: Mapping[str, Any], module: pl.LightningModule) -> None:
    """Check that training can go on from a checkpoint, before it starts.

    Args:
        path: name of the file.
        content: what :func:`read_checkpoint` has read.
        module: to be trained.

    Raises:
        CheckpointError: tensors of other names, shapes or kinds of numbers than those of ``module``.
    """
    differing = next(misfits(content["state_dict"], module.state_dict()), None)
    if differing is not None:
        raise CheckpointError(
            f"{os.fspath(path)!r} holds another network than the one to train: {differing}. "
            "Give the configuration of its run (the config.yaml beside `checkpoints`)."
        )


@runtime_checkable
class TellsSettings(Protocol):
    """A Trainer whose arguments checkpoints hold."""

    @property
    def run_settings(self) -> Mapping[str, Any] | None:
        """Arguments that a run which goes on must have, as plain values by name."""
        ...


@runtime_checkable
class ChecksItself(Protocol):
    """A module that can tell when its weights are no longer worth a checkpoint."""

    def check_finite(self) -> None:
        """Raise :class:`~vireid.errors.DivergedError` if they are not."""
        ...


class LastCheckpoint(Checkpoint):
    """Keeps ``last.ckpt`` up to date: after every epoch, when the run is stopped and, if asked, every so many batches.

    The one before it stays beside it as ``previous.ckpt``, because a file may be damaged long after it was written.
    Lightning's own interval counts optimiser steps, of which a search makes two per batch.

    Args:
        directory: folder of the checkpoint.
        every_n_batches: also save in the middle of an epoch; ``None`` for epoch ends only.

    Raises:
        ValueError: ``every_n_batches`` below 1.

    Example::

        trainer = pl.Trainer(callbacks=[LastCheckpoint("runs/mine/checkpoints")], plugins=[SafeCheckpointIO()])
    """

    def __init__(self, directory: str | os.PathLike[str], every_n_batches: int | None = None) -> None:
        if every_n_batches is not None and every_n_batches < 1:
            raise ValueError(f"`every_n_batches` must be at least 1, got {every_n_batches}.")
        self.path = Path(directory) / LAST
        self.every_n_batches = every_n_batches
        self._ours = False  # whether this run wrote the file; what an earlier one left may be damaged, and replaces no good one

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        if self.every_n_batches is None:
            return
        if (batch_idx + 1) % self.every_n_batches == 0 and window_is_whole(trainer, pl_module) and not epoch_is_over(trainer):
            if isinstance(pl_module, ChecksItself):
                pl_module.check_finite()
            self._save(trainer)  # the end of the epoch saves anyway

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._save(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Keep the steps since the last checkpoint, if the run was stopped between two batches. Every rank learns of a SIGTERM, alone."""
        if not is_between_batches(trainer) or (trainer.world_size > 1 and not isinstance(exception, SIGTERMException)):
            return
        if trainer.validating:
            pl_module.on_validation_end()  # puts the trained weights back in place
            validate_again(trainer)
        try:
            if isinstance(pl_module, ChecksItself):
                pl_module.check_finite()
            self._save(trainer)
        except VireidError as error:
            LOG.warning("No checkpoint was written when the run was stopped. %s", error)

    def _save(self, trainer: pl.Trainer) -> None:
        if getattr(trainer, "fast_dev_run", False):  # a trial is not gone on from
            return
        if trainer.is_global_zero and self._ours and self.path.is_file():  # somebody may have taken it away
            keep_as(self.path.with_name(PREVIOUS), self.path)
        trainer.save_checkpoint(self.path)
        self._ours = True
