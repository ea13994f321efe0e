"""Arguments of evaluations and re-ranking: rows of results and distances."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.arguments.table import Change, Table
from vireid.models import NetworkOutput
from vireid.models.output import Branch
from vireid.results import Reranking
from vireid.structures import Batch, Evaluation, Modality, Record, Setting, Trial
from vireid.tasks import Accuracy, Retrieval

N = 40  # two images of each of 20 people, seen by two cameras
RECORDS = tuple(Record(f"{row}.png", row % 20, row // 20 + 1, Modality.VISIBLE) for row in range(N))
EVALUATION = Evaluation(RECORDS, (Setting("drawn", "market", (Trial(np.arange(20), np.arange(20, N)),) * 2),))


class Task:
    """A task in a test, whose network averages rows and columns of its images."""

    phase, notes, device = "trained", (), torch.device("cpu")
    trainer: Any = SimpleNamespace(
        sanity_checking=False,
        is_global_zero=False,
        state=SimpleNamespace(fn="test"),
        datamodule=SimpleNamespace(evaluation=lambda _: EVALUATION),
    )

    def __call__(self, batch: Batch) -> NetworkOutput:
        return NetworkOutput((Branch(batch.images.mean(3).flatten(1), batch.images.mean(2).flatten(1), None),))

    def log(self, *_: Any, **__: Any) -> None:
        pass

    def remark(self, _: str) -> str:
        return ""

    def results_folder(self) -> Path:
        return Path()


def observe(retrieval: Retrieval) -> list[Any]:
    rows, task = torch.arange(N), Task()
    images = torch.randn(N, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    images[20:] += images[:20]
    retrieval.start(task, "test")
    retrieval.put(task, Batch(images, rows, rows, rows, rows, rows, n_visible=N))
    retrieval.tested(task)
    kept = retrieval.kept(EVALUATION, images.flatten(1))
    return [*((result.name, result.mean) for result in retrieval.results), [len(trials) for trials in kept.ranks.values()]]


def observe_reranking(reranking: Reranking) -> Tensor:
    """Six of the gallery are copies of a query; copies beyond the neighbours that count are in no list, not even their own."""
    points = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
    points[20:26] = points[0]
    return reranking(points[:20], points[20:])


TABLES = [
    Table(Accuracy, observe, {}),
    Table(
        Retrieval, observe, {"feature": Change("features"), "flip": Change(True), "reranking": Change(Reranking()), "ranks": Change("all")}
    ),
    Table(
        Reranking,
        observe_reranking,
        {"k1": Change(6), "k2": Change(2), "lambda_value": Change(0.5), "neighbours": Change("corrected", {"k1": 2, "k2": 3})},
    ),
]
