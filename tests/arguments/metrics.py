"""Arguments of metrics: the scores of an evaluation."""

from __future__ import annotations

from typing import Any

import torch

from tests.arguments.table import Change, Table
from vireid.metrics import CrossModalRetrieval


def observe(metric: CrossModalRetrieval) -> list[Any]:
    """Scores of 10 people whose embeddings differ in length, with three gallery images; camera 2 stands where the queries come from."""
    generator = torch.Generator().manual_seed(0)
    pids = torch.arange(10)
    for camera in (3, 2, 1, 1):
        lengths = torch.rand(10, 1, generator=generator) + 0.5
        embeddings = (torch.randn(10, 4, generator=generator) + 0.5 * torch.eye(10, 4)) * lengths
        metric.update(embeddings, pids, torch.full((10,), camera), is_query=camera == 3)
    scores = metric.compute()
    return [scores["cmc"].tolist(), scores["mAP"], scores["mINP"]]


TABLES = [
    Table(
        CrossModalRetrieval,
        observe,
        {"rule": Change("regdb"), "topk": Change((1, 2)), "cmc": Change("plain"), "normalise": Change(False)},
    )
]
