"""The interface of every evaluation, and what it may use of the task that holds it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pytorch_lightning as pl
import torch
from torch import Tensor

from vireid.models import NetworkOutput
from vireid.results import Result
from vireid.settings import Recorded, settings_of
from vireid.structures import Batch, Genotype
from vireid.version import __version__

Stage = Literal["validate", "test"]


class Evaluated(Protocol):
    """A task as its evaluation sees it; :class:`~vireid.tasks.ReIDModule` says what the members mean."""

    phase: str
    notes: list[str]

    @property
    def trainer(self) -> pl.Trainer: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype | str: ...

    @property
    def network(self) -> Any: ...

    def __call__(self, batch: Batch) -> Any: ...

    def log(self, name: str, value: Any, *, prog_bar: bool = False, rank_zero_only: bool = False) -> None: ...

    def remark(self, stage: Stage) -> str: ...

    def results_folder(self) -> Path: ...

    def evaluated_genotype(self) -> Genotype | None: ...


class TaskEvaluation(Recorded, ABC):
    """Base of evaluations. A task holds one and forwards the hooks of Lightning to it, in the order of the methods here.

    Attributes:
        selected_by: name of the value that validation logs and that is highest for the best checkpoint.
        results: rows of the last evaluation by retrieval.
    """

    selected_by: str
    results: Sequence[Result] = ()

    def check(self, trainer: pl.Trainer, stage: str) -> None:
        """Refuse data that this evaluation cannot use, before the Trainer does any work.

        Args:
            trainer: with the data module.
            stage: ``fit``, ``validate``, ``test`` or ``predict``.

        Raises:
            SettingsError: other data is needed.
        """

    @abstractmethod
    def start(self, task: Evaluated, stage: Stage) -> None:
        """Begin; predictions are of the images of ``test``."""

    @abstractmethod
    def put(self, task: Evaluated, batch: Batch) -> None:
        """Take in one batch."""

    @abstractmethod
    def validated(self, task: Evaluated) -> None:
        """All batches of a validation are in: score, log, write."""

    @abstractmethod
    def tested(self, task: Evaluated) -> None:
        """All batches of a test are in."""

    def predicted(self, task: Evaluated) -> None:
        """All batches of a prediction are in. An evaluation that writes no predictions refuses them in :meth:`check`."""

    def stop(self) -> None:
        """Forget what was taken in; scores stay."""

    @abstractmethod
    def show(self, task: Evaluated) -> bool:
        """Print the last scores, on rank 0; whether there are any."""

    def compared(self, output: NetworkOutput) -> Tensor:
        """``(B, D)`` what retrieval compares of an output, not normalised."""
        return output.embeddings


def about(task: Evaluated, images: str) -> dict[str, Any]:
    """What ``metrics.json`` says of every evaluation.

    Args:
        task: evaluated.
        images: which images.
    """
    path = task.trainer.ckpt_path
    checkpoint = None if path is None else Path(path).name
    return {"vireid": __version__, "phase": task.phase, "evaluated_on": images, "checkpoint": checkpoint}


def origin(task: Evaluated) -> dict[str, Any]:
    """Where the numbers come from: settings of the data, its folder, and the architecture.

    Args:
        task: evaluated.
    """
    data, genotype = getattr(task.trainer, "datamodule", None), task.evaluated_genotype()
    root = getattr(data, "root", None)
    return {
        "data": settings_of(data) if isinstance(data, Recorded) else None,
        "root": None if root is None else os.path.abspath(root),  # noqa: PTH100 (without following links)
        "genotype": None if genotype is None else genotype.to_dict(),
    }


def is_scored(trainer: pl.Trainer) -> bool:
    """Whether all images are seen and can be scored: not in a sanity check, nor in a trial run of a few batches."""
    return not (trainer.sanity_checking or getattr(trainer, "fast_dev_run", False))
