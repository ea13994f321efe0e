"""Retrieval scores of the published CDNet code."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from tests.golden.cdnet import golden, tensor
from vireid.metrics.functional import evaluate

DATA = golden("eval")


def test_scores_and_queries_without_a_match() -> None:
    rows, n = normalize(tensor(DATA["feats"])), int(DATA["num_query"])
    pids, camids = tensor(DATA["pids"]), tensor(DATA["camids"])
    distances = torch.cdist(rows[:n], rows[n:]).square()
    found = evaluate(distances, pids[:n], pids[n:], camids[:n], camids[n:], rule="market", topk=tuple(range(1, 51)))
    known = set(pids[n:].tolist())
    assert found["num_valid"] == sum(pid in known for pid in pids[:n].tolist()) == 7  # here no query's images are of one camera alone
    assert abs(float(found["mAP"]) - float(DATA["mAP"])) < 1e-12
    torch.testing.assert_close(torch.as_tensor(found["cmc"]).double(), tensor(DATA["cmc"]), rtol=0, atol=1e-7)  # the file holds float32
