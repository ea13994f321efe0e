"""Checkpoints that are safe to write, safe to read, and enough to rebuild what they hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from vireid.errors import CheckpointError, MissingFileError
from vireid.files import atomic_file
from vireid.settings import check_class_paths, check_objects
from vireid.torch_files import read_torch_file

SECTION = "vireid"
VERSION = 2  # 1: before tasks held their evaluation


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and moves into place; reads tensors and plain values only.

    A run that is killed while it writes leaves the checkpoint before intact.
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
        CheckpointError: truncated, with a payload that is not data, not written by vireid, of another format, or naming foreign classes.
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise MissingFileError(f"There is no checkpoint file {name!r}.")
    content = read_torch_file(path, map_location)
    section = content.get(SECTION) if isinstance(content, dict) else None
    if not isinstance(section, dict) or "version" not in section or "state_dict" not in content:
        raise CheckpointError(f"{name!r} was not written by vireid: it lacks the settings to rebuild its model.")
    if section["version"] != VERSION:
        raise CheckpointError(
            f"{name!r} has checkpoint format {section['version']!r}, and this vireid reads format {VERSION} only: "
            "use the vireid that wrote it, or train again."
        )
    try:
        section = json.loads(json.dumps(section))  # what the checks see is what the parser will see: no tuple becomes a list behind them
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{name!r} is damaged: its settings are no plain values ({error}).") from error
    for part in (section.get("model"), section.get("data") or section.get("model")):
        if not (isinstance(part, dict) and "class_path" in part and isinstance(part.get("init_args"), dict)):
            raise CheckpointError(f"{name!r} is damaged: it lacks the settings to rebuild its model or its data.")
    if allowed is not None:
        check_class_paths(section, allowed)
        check_objects(section, allowed)
    return {**content, SECTION: section}


def check_fits(path: str | os.PathLike[str], module: pl.LightningModule, allowed: tuple[str, ...] = ("vireid.",)) -> None:
    """Check that training can go on from a checkpoint, before it starts.

    Raises:
        MissingFileError, CheckpointError: see :func:`read_checkpoint`.
        CheckpointError: tensors of other names or shapes than those of ``module``.
    """
    states = (read_checkpoint(path, allowed=allowed)["state_dict"], module.state_dict())
    found, wanted = ({name: tuple(value.shape) for name, value in state.items()} for state in states)
    differing = [name for name in (*wanted, *found) if found.get(name) != wanted.get(name)]
    if differing:
        first = differing[0]
        raise CheckpointError(
            f"{os.fspath(path)!r} holds another network than the one to train: {first} is {found.get(first, 'absent')} in the file and "
            f"{wanted.get(first, 'absent')} here. Give the configuration of its run (the config.yaml beside `checkpoints`)."
        )


@runtime_checkable
class ChecksItself(Protocol):
    """A module that can tell when its weights are no longer worth a checkpoint."""

    def check_finite(self) -> None:
        """Raise :class:`~vireid.errors.DivergedError` if they are not."""
        ...


class LastCheckpoint(Checkpoint):
    """Keeps ``last.ckpt`` up to date: after every epoch and, if asked, every so many batches.

    Lightning's own interval counts optimiser steps, of which a search makes two per batch.

    Args:
        directory: folder of the checkpoint.
        every_n_batches: also save in the middle of an epoch; ``None`` for epoch ends only.
    """

    def __init__(self, directory: str | os.PathLike[str], every_n_batches: int | None = None) -> None:
        if every_n_batches is not None and every_n_batches < 1:
            raise ValueError(f"`every_n_batches` must be at least 1, got {every_n_batches}.")
        self.path = Path(directory) / "last.ckpt"
        self.every_n_batches = every_n_batches

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        if self.every_n_batches is None:
            return
        is_last = batch_idx + 1 >= trainer.num_training_batches  # the end of the epoch saves anyway
        whole = (batch_idx + 1) % max(1, getattr(pl_module, "accumulate_grad_batches", trainer.accumulate_grad_batches)) == 0
        if (batch_idx + 1) % self.every_n_batches == 0 and whole and not is_last:
            if isinstance(pl_module, ChecksItself):
                pl_module.check_finite()
            trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        trainer.save_checkpoint(self.path)
