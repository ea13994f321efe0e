"""Scores of an evaluation: every setting, every trial, from embeddings that were computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vireid.metrics.functional import cosine_distances, evaluate
from vireid.structures import Evaluation, Record, Setting
from vireid.tasks.results import METRICS, TOPK, Result


def score(evaluation: Evaluation, embeddings: Tensor, remark: str = "") -> list[Result]:
    """Results of every setting by cosine distance.

    Args:
        evaluation: images and settings.
        embeddings: ``(N, D)`` float embeddings of ``evaluation.records``.
        remark: written with every row.

    Returns:
        One result per setting.
    """
    return [_score_setting(setting, embeddings, evaluation.records, remark) for setting in evaluation.settings]


def _score_setting(setting: Setting, embeddings: Tensor, records: Sequence[Record], remark: str) -> Result:
    pids, camids = (np.array([getattr(record, name) for record in records]) for name in ("pid", "camid"))
    queries = np.unique(np.concatenate([trial.query for trial in setting.trials]))
    gallery = np.unique(np.concatenate([trial.gallery for trial in setting.trials]))
    distances = cosine_distances(embeddings[torch.from_numpy(queries)], embeddings[torch.from_numpy(gallery)])  # once for all trials
    scores = []
    for trial in setting.trials:
        row = torch.from_numpy(np.searchsorted(queries, trial.query))
        column = torch.from_numpy(np.searchsorted(gallery, trial.gallery))
        labels = pids[trial.query], pids[trial.gallery], camids[trial.query], camids[trial.gallery]
        scores.append(evaluate(distances[row][:, column], *labels, rule=setting.rule, topk=TOPK))
    table = [(*score["cmc"].tolist(), score["mAP"], score["mINP"]) for score in scores]
    return Result(
        setting.protocol,
        dict(zip(METRICS, zip(*table, strict=True), strict=True)),
        scores[0]["num_valid"],
        remark,
        images_sha256=_digest(setting, records),
        ap=tuple(score["ap"] for score in scores),
        pids=tuple(pids[trial.query] for trial in setting.trials),
    )


def _digest(setting: Setting, records: Sequence[Record]) -> str:
    """Which images were compared: identity, camera and file name of all queries and gallery entries, in order."""
    names = [f"{record.modality.value}/{record.pid}/{record.camid}/{Path(record.path).name}" for record in records]
    digest = hashlib.sha256()
    for trial in setting.trials:
        for side in (trial.query, trial.gallery):
            digest.update("\n".join(names[row] for row in side).encode() + b"\0")
    return digest.hexdigest()
