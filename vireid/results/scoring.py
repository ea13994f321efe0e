"""Scores of an evaluation: every setting and every trial, from embeddings that were computed once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics import Searches, operating_points
from vireid.metrics.functional import RetrievalScores, evaluate
from vireid.metrics.functional.draws import evaluate_draws
from vireid.results.open_set import search_trial, unit_rows
from vireid.results.reranking import Reranking
from vireid.results.result import METRICS, TARGETS, TOPK, Result, TrialQueries
from vireid.structures import Evaluation, Record, Rule, Setting, Trial

T = TypeVar("T")


def score(
    evaluation: Evaluation,
    embeddings: Tensor,
    remark: str = "",
    variant: str = "",
    reranking: Reranking | None = None,
    before_each: Callable[[], None] = lambda: None,
    open_set: bool = False,
) -> list[Result]:
    """Results of every setting by cosine distance, or re-ranked.

    Args:
        evaluation: images and settings.
        embeddings: ``(N, D)`` float embeddings of ``evaluation.records``.
        remark: note for every row.
        variant: how the embeddings were computed, if differently from the protocols.
        reranking: re-ranking of each trial's query and gallery, which is added to the variant; ``None``: plain cosine distances.
        before_each: called before each trial that is re-ranked, and before each set of trials with the same queries. It may raise.
        open_set: whether to search every query with its own person taken out too, and to report thresholds; not of re-ranked distances.

    Returns:
        One result per setting.

    Example::

        results = score(evaluation, embeddings)  # one row of embeddings for each record
    """
    name = ", ".join(filter(None, (variant, reranking.variant if reranking else "")))
    pids, camids = (torch.tensor([getattr(record, label) for record in evaluation.records]) for label in ("pid", "camid"))
    scores = iter(_scores(evaluation, embeddings, pids, camids, reranking, before_each))
    unit = unit_rows(embeddings) if open_set and reranking is None else None
    results, names = [], image_names(evaluation.records)
    for setting in evaluation.settings:
        found = [next(scores) for _ in setting.trials]
        searches: list[Searches | None] = [None] * len(found)
        if unit is not None:
            searches = [search_trial(trial, setting.rule, unit, pids, camids) for trial in _each(setting.trials, before_each)]
        trials = zip(setting.trials, found, searches, strict=True)
        queries = tuple(_queries(trial, scores_of_trial, search, evaluation.records) for trial, scores_of_trial, search in trials)
        digest = images_digest(setting, names)
        results.append(result_of(setting.protocol, found, queries, digest, remark, name, searches))
    return results


def _scores(
    evaluation: Evaluation,
    embeddings: Tensor,
    pids: Tensor,
    camids: Tensor,
    reranking: Reranking | None,
    before_each: Callable[[], None],
) -> list[RetrievalScores]:
    """Scores of the trials of all settings, in order. Trials with the same queries are scored together."""
    pairs = [(trial, setting.rule) for setting in evaluation.settings for trial in setting.trials]
    if reranking:  # one trial at a time: neighbours are among its own images only
        return [_reranked(trial, rule, embeddings, pids, camids, reranking) for trial, rule in _each(pairs, before_each)]
    galleries: dict[tuple[bytes, Rule], list[NDArray[np.int64]]] = {}
    for trial, rule in pairs:
        galleries.setdefault((trial.query.tobytes(), rule), []).append(trial.gallery)
    scores = {
        (query, rule): iter(evaluate_draws(embeddings, pids, camids, np.frombuffer(query, np.int64).copy(), drawn, rule, TOPK))
        for (query, rule), drawn in _each(galleries.items(), before_each)
    }
    return [next(scores[trial.query.tobytes(), rule]) for trial, rule in pairs]


def _each(items: Iterable[T], before_each: Callable[[], None]) -> Iterator[T]:
    for item in items:
        before_each()
        yield item


def _reranked(trial: Trial, rule: Rule, embeddings: Tensor, pids: Tensor, camids: Tensor, reranking: Reranking) -> RetrievalScores:
    rows, columns = torch.from_numpy(trial.query), torch.from_numpy(trial.gallery)
    labels = pids[rows], pids[columns], camids[rows], camids[columns]
    return evaluate(reranking(embeddings[rows], embeddings[columns]), *labels, rule=rule, topk=TOPK)


def result_of(
    protocol: str,
    scores: Sequence[RetrievalScores],
    queries: tuple[TrialQueries, ...],
    digest: str,
    remark: str,
    variant: str,
    searches: Sequence[Searches | None] = (),
) -> Result:
    """The row of a protocol, from the scores of its trials."""
    table = [(*score["cmc"].tolist(), score["mAP"], score["mINP"]) for score in scores]
    return Result(
        protocol,
        dict(zip(METRICS, zip(*table, strict=True), strict=True)),
        scores[0]["num_valid"],
        remark,
        variant,
        images_sha256=digest,
        per_query=queries,
        open_set=tuple(operating_points(found, TARGETS) for found in searches if found is not None),
    )


def _queries(trial: Trial, score: RetrievalScores, found: Searches | None, records: Sequence[Record]) -> TrialQueries:
    queries = [records[row] for row in trial.query]
    people = np.array([record.who for record in queries]) if any(record.name for record in queries) else None
    tops = (None, None) if found is None else (found.mated, found.non_mated)
    return TrialQueries(np.array([record.pid for record in queries]), score["ap"], score["inp"], score["first"], people, *tops)


def image_names(records: Sequence[Record]) -> list[str]:
    """Identity, camera and file name of each image, by which results say what was compared."""
    return [f"{record.modality.value}/{record.pid}/{record.camid}/{os.path.basename(record.path)}" for record in records]  # noqa: PTH119


def images_digest(setting: Setting, names: Sequence[str]) -> str:
    """Digest of the compared images: :func:`image_names` of all queries and gallery entries, in order."""
    digest = hashlib.sha256()
    for trial in setting.trials:
        for side in (trial.query, trial.gallery):
            digest.update("\n".join(names[row] for row in side.tolist()).encode() + b"\0")
    return digest.hexdigest()
