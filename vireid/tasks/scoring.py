"""Scores of an evaluation: every setting, every trial, from embeddings that were computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vireid.metrics.functional import cosine_distances, evaluate
from vireid.structures import Evaluation, Setting

TOPK = (1, 5, 10, 20)


@dataclass(frozen=True)
class Result:
    """One row of a results table; fractions in [0, 1].

    Attributes:
        protocol: id of the setting, e.g. ``sysu/all/single-shot/seeded``.
        mean: ``rank1``, ``rank5``, ``rank10``, ``rank20``, ``mAP``, ``mINP``; arithmetic mean over the trials.
        std: same keys; sample standard deviation over the trials, 0 for a single one.
        trials: number of trials.
        queries: valid queries of the first trial.
        remark: what a reader must know about the row, or empty.
    """

    protocol: str
    mean: dict[str, float]
    std: dict[str, float]
    trials: int
    queries: int
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "protocol": self.protocol,
            "mean": self.mean,
            "std": self.std,
            "trials": self.trials,
            "queries": self.queries,
            "remark": self.remark,
        }


def score(evaluation: Evaluation, embeddings: Tensor, remark: str = "") -> list[Result]:
    """Results of every setting by cosine distance.

    Args:
        evaluation: images and settings.
        embeddings: ``(N, D)`` float embeddings of ``evaluation.records``.
        remark: written with every row.

    Returns:
        One result per setting.
    """
    pids = np.array([record.pid for record in evaluation.records])
    camids = np.array([record.camid for record in evaluation.records])
    return [_score_setting(setting, embeddings, pids, camids, remark) for setting in evaluation.settings]


def _score_setting(setting: Setting, embeddings: Tensor, pids: Any, camids: Any, remark: str) -> Result:
    queries = np.unique(np.concatenate([trial.query for trial in setting.trials]))
    gallery = np.unique(np.concatenate([trial.gallery for trial in setting.trials]))
    distances = cosine_distances(embeddings[torch.from_numpy(queries)], embeddings[torch.from_numpy(gallery)])  # once for all trials
    rows = []
    valid = 0
    for number, trial in enumerate(setting.trials):
        row = torch.from_numpy(np.searchsorted(queries, trial.query))
        column = torch.from_numpy(np.searchsorted(gallery, trial.gallery))
        scores = evaluate(
            distances[row][:, column],
            pids[trial.query],
            pids[trial.gallery],
            camids[trial.query],
            camids[trial.gallery],
            rule=setting.rule,
            topk=TOPK,
        )
        rows.append([*(float(value) for value in scores["cmc"]), float(scores["mAP"]), float(scores["mINP"])])
        valid = int(scores["num_valid"]) if number == 0 else valid
    names = [*(f"rank{k}" for k in TOPK), "mAP", "mINP"]
    table = np.array(rows)
    spread = table.std(axis=0, ddof=1) if len(table) > 1 else np.zeros(len(names))
    mean = dict(zip(names, table.mean(axis=0).tolist(), strict=True))
    return Result(setting.protocol, mean, dict(zip(names, spread.tolist(), strict=True)), len(table), valid, remark)
