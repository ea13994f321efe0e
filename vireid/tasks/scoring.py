"""Scores of an evaluation: every setting, every trial, from embeddings that were computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics.functional import RetrievalScores, cosine_distances, evaluate, evaluate_embeddings
from vireid.structures import Evaluation, Record, Rule, Setting, Trial
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
    pids, camids = (torch.tensor([getattr(record, label) for record in evaluation.records]) for label in ("pid", "camid"))
    shared = SharedDistances(embeddings, evaluation.settings)
    results = []
    for setting in evaluation.settings:
        scores = [_score_trial(trial, setting.rule, embeddings, pids, camids, shared, reranking) for trial in setting.trials]
        results.append(_result(setting, scores, evaluation.records, remark, name))
    return results


class SharedDistances:
    """Cosine distances of trials that search with the same queries, computed once for all images of their galleries.

    Args:
        embeddings: ``(N, D)`` of all images.
        settings: a setting of one trial shares nothing and is left out.
    """

    def __init__(self, embeddings: Tensor, settings: Sequence[Setting]) -> None:
        self.embeddings = embeddings
        trials = [trial for setting in settings if len(setting.trials) > 1 for trial in setting.trials]
        self.galleries: dict[bytes, list[NDArray[np.int64]]] = {}
        for trial in trials:
            self.galleries.setdefault(trial.query.tobytes(), []).append(trial.gallery)
        self._held: tuple[bytes, NDArray[np.int64], Tensor] | None = None

    def __call__(self, trial: Trial) -> Tensor | None:
        """``(Q, G)`` distances of a trial, or ``None`` if no other trial has its queries."""
        key = trial.query.tobytes()
        if key not in self.galleries:
            return None
        if self._held is None or self._held[0] != key:
            gallery = np.unique(np.concatenate(self.galleries[key]))
            rows, columns = torch.from_numpy(trial.query), torch.from_numpy(gallery)
            self._held = key, gallery, cosine_distances(self.embeddings[rows], self.embeddings[columns])
        _, gallery, distances = self._held
        return distances.index_select(1, torch.from_numpy(np.searchsorted(gallery, trial.gallery)))


def _score_trial(
    trial: Trial, rule: Rule, embeddings: Tensor, pids: Tensor, camids: Tensor, shared: SharedDistances, reranking: Reranking | None
) -> RetrievalScores:
    rows, columns = torch.from_numpy(trial.query), torch.from_numpy(trial.gallery)
    labels = pids[rows], pids[columns], camids[rows], camids[columns]
    if reranking:  # each trial by itself: neighbours are sought among its own images only
        return evaluate(reranking(embeddings[rows], embeddings[columns]), *labels, rule=rule, topk=TOPK)
    distances = shared(trial)
    if distances is None:
        return evaluate_embeddings(embeddings[rows], embeddings[columns], *labels, rule=rule, topk=TOPK)
    return evaluate(distances, *labels, rule=rule, topk=TOPK)


def _result(setting: Setting, scores: Sequence[RetrievalScores], records: Sequence[Record], remark: str, variant: str) -> Result:
    table = [(*score["cmc"].tolist(), score["mAP"], score["mINP"]) for score in scores]
    return Result(
        setting.protocol,
        dict(zip(METRICS, zip(*table, strict=True), strict=True)),
        scores[0]["num_valid"],
        remark,
        variant,
        images_sha256=_digest(setting, records),
        ap=tuple(score["ap"] for score in scores),
        pids=tuple(np.array([records[row].pid for row in trial.query]) for trial in setting.trials),
    )


def _digest(setting: Setting, records: Sequence[Record]) -> str:
    """Which images were compared: identity, camera and file name of all queries and gallery entries, in order."""
    names = [f"{record.modality.value}/{record.pid}/{record.camid}/{Path(record.path).name}" for record in records]
    digest = hashlib.sha256()
    for trial in setting.trials:
        for side in (trial.query, trial.gallery):
            digest.update("\n".join(names[row] for row in side).encode() + b"\0")
    return digest.hexdigest()
