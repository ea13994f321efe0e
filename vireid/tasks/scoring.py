"""Scores of an evaluation: every setting, every trial, from embeddings that were computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vireid.metrics.functional import cosine_distances, evaluate
from vireid.structures import Evaluation, Record, Setting
from vireid.tasks.reranking import Reranking
from vireid.tasks.results import METRICS, TOPK, Result


def score(
    evaluation: Evaluation, embeddings: Tensor, remark: str = "", variant: str = "", reranking: Reranking | None = None
) -> list[Result]:
    """Results of every setting by cosine distance, or re-ranked.

    Args:
        evaluation: images and settings.
        embeddings: ``(N, D)`` float embeddings of ``evaluation.records``.
        remark: written with every row.
        variant: how the embeddings were made, if not as the protocols say.
        reranking: applied to each trial's query and gallery; it adds to the variant. ``None`` for cosine distances as they are.

    Returns:
        One result per setting.
    """
    name = ", ".join(filter(None, (variant, reranking.variant if reranking else "")))
    return [_score_setting(setting, embeddings, evaluation.records, remark, name, reranking) for setting in evaluation.settings]


def _score_setting(
    setting: Setting, embeddings: Tensor, records: Sequence[Record], remark: str, variant: str, reranking: Reranking | None
) -> Result:
    pids, camids = (np.array([getattr(record, name) for record in records]) for name in ("pid", "camid"))
    distances = _reranked(setting, embeddings, reranking) if reranking else _cosines(setting, embeddings)
    scores = []
    for trial, matrix in zip(setting.trials, distances, strict=True):
        labels = pids[trial.query], pids[trial.gallery], camids[trial.query], camids[trial.gallery]
        scores.append(evaluate(matrix, *labels, rule=setting.rule, topk=TOPK))
    table = [(*score["cmc"].tolist(), score["mAP"], score["mINP"]) for score in scores]
    return Result(
        setting.protocol,
        dict(zip(METRICS, zip(*table, strict=True), strict=True)),
        scores[0]["num_valid"],
        remark,
        variant,
        images_sha256=_digest(setting, records),
        ap=tuple(score["ap"] for score in scores),
        pids=tuple(pids[trial.query] for trial in setting.trials),
    )


def _cosines(setting: Setting, embeddings: Tensor) -> Iterator[Tensor]:
    """``(Q, G)`` distances of each trial; those of all images are computed once."""
    queries = np.unique(np.concatenate([trial.query for trial in setting.trials]))
    gallery = np.unique(np.concatenate([trial.gallery for trial in setting.trials]))
    distances = cosine_distances(embeddings[torch.from_numpy(queries)], embeddings[torch.from_numpy(gallery)])
    for trial in setting.trials:
        row = torch.from_numpy(np.searchsorted(queries, trial.query))
        column = torch.from_numpy(np.searchsorted(gallery, trial.gallery))
        yield distances[row][:, column]


def _reranked(setting: Setting, embeddings: Tensor, reranking: Reranking) -> Iterator[Tensor]:
    for trial in setting.trials:  # each by itself: neighbours are sought among its own images only
        yield reranking(embeddings[torch.from_numpy(trial.query)], embeddings[torch.from_numpy(trial.gallery)])


def _digest(setting: Setting, records: Sequence[Record]) -> str:
    """Which images were compared: identity, camera and file name of all queries and gallery entries, in order."""
    names = [f"{record.modality.value}/{record.pid}/{record.camid}/{Path(record.path).name}" for record in records]
    digest = hashlib.sha256()
    for trial in setting.trials:
        for side in (trial.query, trial.gallery):
            digest.update("\n".join(names[row] for row in side).encode() + b"\0")
    return digest.hexdigest()
