"""Rows beyond the protocol: mirror images and re-ranking, marked as such, on top of the plain rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vireid.errors import SettingsError
from vireid.metrics import evaluate, k_reciprocal_rerank
from vireid.results import Reranking, score
from vireid.structures import Evaluation, Modality, Record, Setting, Trial


def problem() -> tuple[Evaluation, torch.Tensor]:
    """Two trials over clustered embeddings of 8 people, 6 images each."""
    rng = np.random.default_rng(3)
    records = tuple(Record(f"{i}.jpg", i % 8, 1 + i // 24, Modality.VISIBLE if i < 24 else Modality.INFRARED) for i in range(48))
    centres = rng.normal(size=(8, 5))
    embeddings = torch.tensor(centres[[r.pid for r in records]] + 0.8 * rng.normal(size=(48, 5)), dtype=torch.float32)
    trials = tuple(Trial(np.arange(24, 48), gallery) for gallery in (np.arange(24), np.arange(23, 7, -1)))
    return Evaluation(records, (Setting("toy/first", "regdb", trials), Setting("toy/second", "regdb", trials[:1]))), embeddings


@pytest.mark.parametrize("neighbours", ["faithful", "corrected"])
def test_every_trial_is_reranked_by_itself(neighbours: Any) -> None:
    evaluation, embeddings = problem()
    reranking = Reranking(4, 2, 0.1, neighbours)
    result = score(evaluation, embeddings, "a remark", reranking=reranking)[0]
    unit = F.normalize(embeddings)
    pids = np.array([record.pid for record in evaluation.records])
    for number, trial in enumerate(evaluation.settings[0].trials):
        q, g = unit[trial.query], unit[trial.gallery.copy()]
        matrices = ((a[:, None] - b).norm(dim=2) for a, b in ((q, g), (q, q), (g, g)))
        distances = k_reciprocal_rerank(*matrices, 4, 2, 0.1, neighbours)
        expected = evaluate(distances, pids[trial.query], pids[trial.gallery], rule="regdb")
        assert result.values["mAP"][number] == pytest.approx(expected["mAP"], abs=1e-6)
    plain = score(evaluation, embeddings)[0]
    assert plain.values["mAP"] != result.values["mAP"]
    assert plain.images_sha256 == result.images_sha256  # comparable query by query
    assert (plain.variant, result.remark) == ("", "a remark")


def test_variants_are_named() -> None:
    evaluation, embeddings = problem()
    names = [
        score(evaluation, embeddings, variant=variant, reranking=reranking)[1].name
        for variant in ("", "flip")
        for reranking in (None, Reranking(), Reranking(5, 1, 0.25, "corrected"))
    ]
    assert names == [
        "toy/second",
        "toy/second + re-ranked (k1=20, k2=6, lambda=0.3)",
        "toy/second + re-ranked (k1=5, k2=1, lambda=0.25, corrected neighbours)",
        "toy/second + flip",
        "toy/second + flip, re-ranked (k1=20, k2=6, lambda=0.3)",
        "toy/second + flip, re-ranked (k1=5, k2=1, lambda=0.25, corrected neighbours)",
    ]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"k1": 0}, "`k1` and `k2` must be at least 1, got 0 and 6"),
    ({"k2": -1}, "`k1` and `k2` must be at least 1, got 20 and -1"),
    ({"lambda_value": 1.5}, r"`lambda_value` must lie in \[0, 1\], got 1.5"),
    ({"neighbours": "best"}, "`neighbours` must be faithful or corrected, got 'best'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_settings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Reranking(**arguments)
