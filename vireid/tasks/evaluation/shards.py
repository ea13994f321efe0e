"""Embeddings of a part of the images of a test, for a test that is scored from several parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.files import file_digest
from vireid.results.shard_files import note_digest
from vireid.results.shard_lists import write_list
from vireid.settings import settings_of
from vireid.structures import Evaluation
from vireid.tasks.evaluation.embeddings import write_embeddings


def shard_rows(trainer: pl.Trainer) -> Tensor | None:
    """Positions of the images of the part that is predicted, ascending; ``None`` if all are."""
    datamodule: Any = getattr(trainer, "datamodule", None)
    shard = getattr(datamodule, "shard", None)
    if shard is None or trainer.state.fn != "predict":
        return None
    return torch.tensor(datamodule.shard_positions(shard), dtype=torch.int64)


def write_shard(
    trainer: pl.Trainer, path: Path, embeddings: Mapping[str, Tensor], evaluation: Evaluation, wanted: Tensor, about: dict[str, Any]
) -> None:
    """Write ``embeddings.npz`` of a part, its digest, and, in the folder above, the list that all parts share.

    Args:
        trainer: with the data module, and the checkpoint that embeds.
        path: the file.
        embeddings: ``(n, D)`` each, by the names that they have in the file.
        evaluation: all images and protocols.
        wanted: ``(n,)`` positions of the images of the part.
        about: what ``metrics.json`` will say of the model.

    Raises:
        SettingsError: there is no checkpoint, or the folder is of another list.
    """
    if trainer.ckpt_path is None:
        raise SettingsError("`--shard` needs a checkpoint, so that all parts are of one model: add --ckpt PATH.")
    datamodule: Any = getattr(trainer, "datamodule")  # noqa: B009 (untyped by Lightning)
    checkpoint = file_digest(Path(trainer.ckpt_path))
    arguments = settings_of(datamodule)["init_args"]
    preparation = {name: arguments.get(name) for name in ("height", "width", "augmentation", "pixel_range", "draft_jpeg")}
    said = [checkpoint, about["feature"], sorted(embeddings), preparation]
    texts = {
        "list": write_list(path.parent.parent, evaluation, datamodule.eval_batch_size),
        "model": hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(),
        "checkpoint": checkpoint,
        "about": json.dumps(about),
    }
    more = {"positions": wanted.numpy(), "variants": np.array(list(embeddings)), **{name: np.array(text) for name, text in texts.items()}}
    write_embeddings(path, embeddings, [evaluation.records[row] for row in wanted.tolist()], **more)
    note_digest(path)
