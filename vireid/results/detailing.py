"""Details of an evaluation from its embeddings: ranked lists, camera matrices and counts of scores."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics.functional import evaluate_embeddings
from vireid.metrics.functional.distances import DistanceTiles, exact_products
from vireid.metrics.functional.evaluation import NothingToScoreError
from vireid.metrics.functional.rules import removed, removed_matches
from vireid.results.details import BINS, DEPTH, CameraMatrix, Details, Ranks, ScoreCounts
from vireid.structures import Evaluation, Rule, Trial

BLOCK = 2**23
"""Distances that are computed at once."""

MOST_IMAGES = 12_000
"""Images whose pairs are counted; of more, people are drawn."""


def details_of(evaluation: Evaluation, embeddings: Tensor, all_trials: bool = False) -> Details:
    """Ranked lists and camera matrix of every setting by the plain protocol, and counts of all scores.

    Args:
        evaluation: images and settings.
        embeddings: ``(N, D)`` float embeddings of ``evaluation.records``.
        all_trials: whether to keep the ranked lists of every trial; otherwise those of the first.
    """
    pids, camids = (torch.tensor([getattr(record, label) for record in evaluation.records]) for label in ("pid", "camid"))
    rows = embeddings.detach().float().cpu()
    ranks = {
        setting.protocol: tuple(
            rank_trial(trial, setting.rule, rows, pids, camids) for trial in setting.trials[: None if all_trials else 1]
        )
        for setting in evaluation.settings
    }
    cameras = {setting.protocol: camera_matrix(setting.trials[0], setting.rule, rows, pids, camids) for setting in evaluation.settings}
    modalities = torch.tensor([int(record.modality) for record in evaluation.records])
    return Details(ranks, cameras, count_scores(rows, pids, modalities))


def rank_trial(trial: Trial, rule: Rule, embeddings: Tensor, pids: Tensor, camids: Tensor, depth: int = DEPTH) -> Ranks:
    """The first ``depth`` entries of every query, those that the rule does not count among them.

    Args:
        trial: query and gallery rows.
        rule: which gallery entries do not count, see :func:`~vireid.metrics.evaluate`.
        embeddings: ``(N, D)``.
        pids, camids: ``(N,)`` labels.
        depth: how many entries.
    """
    query, gallery = torch.from_numpy(trial.query.copy()), torch.from_numpy(trial.gallery.copy())
    tiles = DistanceTiles(embeddings[query], embeddings[gallery], torch.arange(len(gallery)), normalise=True)
    kept = min(depth, len(gallery))
    step = max(1, BLOCK // len(gallery))
    entries = np.full((len(query), depth), -1, np.int32)
    distances = np.full((len(query), depth), np.nan, np.float32)
    ignored = np.zeros((len(query), depth), bool)
    with exact_products(embeddings):
        for start in range(0, len(query), step):
            rows = slice(start, start + step)
            block = np.ascontiguousarray(tiles.of(rows)(slice(len(gallery))).numpy())
            order = _nearest(block, kept)
            distances[rows, :kept] = np.take_along_axis(block, order, 1)
            entries[rows, :kept] = trial.gallery[order]
            ignored[rows, :kept] = _ignored(rule, query[rows], gallery[torch.from_numpy(order)], pids, camids)
    return Ranks(trial.query.astype(np.int32), entries, distances, ignored)


def _nearest(distances: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """``(Q, count)`` columns by distance, then number."""
    bits = distances.view(np.int32)  # one minus a product is never -0.0
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) << 32
    keys |= np.arange(distances.shape[1])
    if count < distances.shape[1]:
        keys = np.partition(keys, count - 1, axis=1)[:, :count]
    return np.sort(keys, axis=1) & 0xFFFFFFFF


def _ignored(rule: Rule, query: Tensor, entries: Tensor, pids: Tensor, camids: Tensor) -> NDArray[np.bool_]:
    """``(Q, K)`` whether the rule leaves an entry out."""
    if rule == "regdb":
        return np.zeros(entries.shape, bool)
    own = pids[query][:, None] == pids[entries]
    gone = own & removed_matches(rule, camids[query][:, None], camids[entries])
    if (far := removed(rule, camids[query], torch.unique(camids[entries]))) is not None:
        gone |= far.gather(1, torch.searchsorted(torch.unique(camids[entries]), camids[entries]))
    return np.asarray(gone.numpy())


def camera_matrix(trial: Trial, rule: Rule, embeddings: Tensor, pids: Tensor, camids: Tensor) -> CameraMatrix:
    """mAP of the queries of each camera in the gallery of each camera; arguments as for :func:`rank_trial`."""
    query, gallery = torch.from_numpy(trial.query.copy()), torch.from_numpy(trial.gallery.copy())
    of_queries, of_gallery = (torch.unique(camids[rows]) for rows in (query, gallery))
    values = np.full((len(of_queries), len(of_gallery)), np.nan)
    counts = np.zeros(values.shape, np.int64)
    for row, mine in enumerate(of_queries):
        for column, other in enumerate(of_gallery):
            q, g = query[camids[query] == mine], gallery[camids[gallery] == other]
            try:
                found = evaluate_embeddings(embeddings[q], embeddings[g], pids[q], pids[g], camids[q], camids[g], rule, topk=(1,))
            except NothingToScoreError:
                continue
            values[row, column], counts[row, column] = found["mAP"], found["num_valid"]
    return CameraMatrix(of_queries.numpy(), of_gallery.numpy(), values, counts)


def count_scores(embeddings: Tensor, pids: Tensor, modalities: Tensor, most: int = MOST_IMAGES) -> ScoreCounts:
    """Counts of the cosine distances of all pairs of two images, by modalities and by whether both show one person.

    Args:
        embeddings: ``(N, D)``.
        pids: ``(N,)``.
        modalities: ``(N,)``, 0 for visible and 1 for infrared.
        most: largest number of images; of more, whole people are drawn by a fixed seed.
    """
    rows = _some_people(pids, most)
    unit, pids, modalities = F.normalize(embeddings[rows]), pids[rows], modalities[rows]
    number = len(rows)
    counts = torch.zeros(3 * 2 * BINS, dtype=torch.int64)
    step = max(1, BLOCK // max(1, number))
    with exact_products(unit):
        for start in range(0, number, step):
            stop = min(start + step, number)
            distances = 1 - unit[start:stop] @ unit[start:].T  # only pairs of a row with a later one
            later = torch.arange(start, number)[None] > torch.arange(start, stop)[:, None]
            kind = (modalities[start:stop, None] + modalities[None, start:]) * 2 + (pids[start:stop, None] != pids[None, start:])
            place = kind * BINS + (distances * (BINS / 2)).long().clamp_(0, BINS - 1)
            counts += torch.bincount(place[later], minlength=len(counts))
    return ScoreCounts(counts.view(3, 2, BINS).numpy(), number, len(embeddings))


def _some_people(pids: Tensor, most: int) -> Tensor:
    """Rows of people that are drawn until no further one fits; all rows if they are few enough."""
    if len(pids) <= most:
        return torch.arange(len(pids))
    people, counts = torch.unique(pids, return_counts=True)
    order = torch.randperm(len(people), generator=torch.Generator().manual_seed(0))
    fit = counts[order].cumsum(0) <= most
    return torch.isin(pids, people[order[fit]]).nonzero().squeeze(1)


def half(embeddings: Tensor) -> Tensor:
    """``(N, D)`` float16 embeddings of unit length."""
    return F.normalize(embeddings.float()).half()
