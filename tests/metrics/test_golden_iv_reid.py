"""The published IV-REID evaluation against ours: distinct identities on SYSU-MM01, plain curves on RegDB."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.golden.cgrnet import golden
from vireid.metrics import evaluate_embeddings
from vireid.structures import Rule

DATA = {name: torch.from_numpy(np.array(value)) for name, value in golden("iv_reid_eval").items()}


@pytest.mark.parametrize(("rule", "valid"), [("sysu", 23), ("regdb", 24)])
def test_curve_and_mean_average_precision(rule: Rule, valid: int) -> None:
    arrays = [DATA[name] for name in ("query_feat", "gallery_feat", "q_pids", "g_pids", "q_camids", "g_camids")]
    scores = evaluate_embeddings(*arrays, rule=rule, topk=range(1, 21))
    np.testing.assert_allclose(scores["cmc"], DATA[f"{rule}_cmc"], atol=1e-7)  # their curve is float32
    assert scores["mAP"] == pytest.approx(float(DATA[f"{rule}_map"]), abs=1e-12)
    assert scores["num_valid"] == valid  # one query has its matches in its own room only
