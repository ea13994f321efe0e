"""Evaluation of classes: how often the classifier is right."""

from __future__ import annotations

import json

import pytorch_lightning as pl
import torch
from rich.table import Table

from vireid.errors import SettingsError
from vireid.files import write_text_atomically
from vireid.structures import Batch
from vireid.tasks.evaluation.base import Evaluated, Stage, TaskEvaluation, about, is_scored
from vireid.terminal import table_console

FORMAT, VERSION = "vireid.classification", 1


class Accuracy(TaskEvaluation):
    """Counts images: ``top1`` is the share whose class has the largest logit, ``top5`` the share whose class is among the five largest.

    Logits of several branches are added up. The numbers go to ``metrics.json``.

    Raises:
        SettingsError: the data are no classes of images, or embeddings of people were asked for.
    """

    selected_by = "val/top1"

    def __init__(self) -> None:
        self.shares: dict[str, float] = {}
        self.images = 0
        self._right = torch.zeros(3, dtype=torch.int64)  # by the first, by one of the first five, all

    def check(self, trainer: pl.Trainer, stage: str) -> None:
        if not getattr(getattr(trainer, "datamodule", None), "classifies", False):
            raise SettingsError(
                "ClassificationModule needs a data module whose images have classes, vireid.CIFAR100DataModule or "
                "vireid.ImageNetDataModule. People of the test have no class in training: use vireid.RetrainModule for them."
            )
        if stage == "predict":
            raise SettingsError("ClassificationModule has no embeddings of people to write; test it with `vireid test`.")

    def start(self, task: Evaluated, stage: Stage) -> None:  # noqa: ARG002 (the loader knows)
        self._right = torch.zeros(3, dtype=torch.int64, device=task.device)

    def put(self, task: Evaluated, batch: Batch) -> None:
        logits = task(batch).logits
        first = logits.argmax(1) == batch.labels
        among = (logits.topk(min(5, logits.shape[1])).indices == batch.labels[:, None]).any(1)
        self._right += torch.stack([first.sum(), among.sum(), torch.tensor(len(batch), device=logits.device)])

    def validated(self, task: Evaluated) -> None:
        if not is_scored(task.trainer):
            return
        self._count()
        task.log("val/top1", self.shares["top1"], prog_bar=True)  # every rank has the same number, which may select checkpoints
        task.log("val/top5", self.shares["top5"])
        if task.trainer.state.fn == "validate":
            self._publish(task, "validation images")

    def tested(self, task: Evaluated) -> None:
        if not is_scored(task.trainer):
            return
        self._count()
        for name, value in self.shares.items():
            task.log(f"test/{name}", value, rank_zero_only=True)
        self._publish(task, "test images")

    def show(self, task: Evaluated) -> bool:
        if self.shares and task.trainer.is_global_zero:
            table = Table("images", *self.shares, title="Classification, percent", title_justify="left")
            table.add_row(f"{self.images:,}", *(f"{100 * value:.2f}" for value in self.shares.values()))
            table_console().print(table)
        return bool(self.shares)

    def _count(self) -> None:
        """Sum over ranks: each image is counted by one of them."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(self._right)
        first, among, self.images = self._right.tolist()
        self.shares = {"top1": first / self.images, "top5": among / self.images}

    def _publish(self, task: Evaluated, images: str) -> None:
        path = task.results_folder() / "metrics.json"
        if not task.trainer.is_global_zero:
            return
        dataset = getattr(task.trainer, "datamodule").dataset_name  # noqa: B009 (untyped by Lightning)
        content = {"format": FORMAT, "version": VERSION, **about(task, images), "dataset": dataset, "images": self.images, **self.shares}
        write_text_atomically(path, json.dumps(content, indent=1) + "\n")
