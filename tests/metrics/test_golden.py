"""Scores against public evaluators and the official SYSU-MM01 code, rule by rule.

CMC 1e-6: research code divides float32 sums. mAP and mINP 1e-12: float64 sums in another order (1e-6 for the float32 Cython sums).
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.metrics.naive import naive_evaluate
from vireid.metrics import evaluate, evaluate_embeddings, pairwise_distances

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "evaluation-rules.npz")
CASES = list(dict.fromkeys(key.split(".")[0] for key in GOLDEN.files))
TOPK = tuple(range(1, 51))


def load(case):
    """(arguments of evaluate, expected values by field)"""
    fields = {key.split(".")[1]: GOLDEN[key] for key in GOLDEN.files if key.startswith(f"{case}.")}
    q, g = fields["q_feat"].astype(np.float64), fields["g_feat"].astype(np.float64)
    distances = ((q[:, None] - g) ** 2).sum(-1)
    labels = {
        "query_pids": fields["q_pid"],
        "gallery_pids": fields["g_pid"],
        "query_camids": fields.get("q_cam"),
        "gallery_camids": fields.get("g_cam"),
    }
    return {"distances": distances, **labels, "rule": case.split("_")[0]}, fields


@pytest.mark.parametrize("case", CASES)
def test_rules(case):
    arguments, expected = load(case)
    scores = evaluate(**arguments, topk=TOPK)
    assert scores["num_valid"] == expected["num_valid"]
    compared = 0
    for field, value in expected.items():
        tolerance = 1e-6 if "cython" in field else 1e-12
        if "swapped" in field or "unique" in field or (case, field) == ("market_ragged", "cmc_cython"):  # wrong by design, see README
            continue
        if field.startswith("cmc"):
            np.testing.assert_allclose(scores["cmc"][: len(value)], value[: len(TOPK)], rtol=0, atol=1e-6)
            if case.endswith(("small", "ragged")):  # the whole curve; ours goes on with its last value
                assert (scores["cmc"][len(value) :] == scores["cmc"][len(value) - 1]).all()
        elif field.startswith("map"):
            assert scores["mAP"] == pytest.approx(float(value), abs=tolerance)
        elif field.startswith("minp"):
            assert scores["mINP"] == pytest.approx(float(value), abs=tolerance)
        compared += field.startswith(("cmc", "map", "minp"))
    assert compared >= 2


@pytest.mark.parametrize("case", ["llcm_generic", "llcm_ties"])
def test_swapped_direction_of_llcm(case):
    arguments, expected = load(case)
    scores = evaluate(
        arguments["distances"].T,
        arguments["gallery_pids"],
        arguments["query_pids"],
        arguments["gallery_camids"],
        arguments["query_camids"],
        rule="llcm",
        topk=TOPK[:20],
    )
    np.testing.assert_allclose(scores["cmc"], expected["cmc_swapped"], rtol=0, atol=1e-6)
    assert scores["mAP"] == pytest.approx(float(expected["map_swapped"]), abs=1e-12)
    assert scores["mINP"] == pytest.approx(float(expected["minp_swapped"]), abs=1e-12)


@pytest.mark.parametrize("case", ["regdb_generic", "regdb_ties"])
def test_unique_identity_cmc_on_regdb(case):
    arguments, expected = load(case)
    unique, plain = (evaluate(**arguments, topk=TOPK[:20], cmc=kind) for kind in ("unique", "plain"))
    np.testing.assert_allclose(unique["cmc"], expected["cmc_unique_id"], rtol=0, atol=1e-6)
    assert unique["cmc"][0] == plain["cmc"][0]
    assert unique["cmc"][9] > plain["cmc"][9]
    assert unique["mAP"] == plain["mAP"]


@pytest.mark.parametrize("case", CASES)
def test_naive_reference(case):
    arguments, _ = load(case)
    scores, expected = evaluate(**arguments, topk=TOPK), naive_evaluate(*arguments.values(), topk=TOPK)
    np.testing.assert_allclose(scores["cmc"], expected["cmc"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(scores["ap"], expected["ap"], rtol=0, atol=1e-14)
    assert scores["mINP"] == pytest.approx(expected["mINP"], abs=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_float32_embeddings_score_the_same(case):
    arguments, fields = load(case)
    q, g = (torch.from_numpy(fields[name]) for name in ("q_feat", "g_feat"))
    expected = evaluate(**arguments)
    labels = {key: value for key, value in arguments.items() if key != "distances"}
    for scores in (evaluate(pairwise_distances(q, g), **labels), evaluate_embeddings(q, g, **labels, normalise=False)):
        np.testing.assert_array_equal(scores["cmc"], expected["cmc"])
        assert scores["mAP"] == expected["mAP"]
