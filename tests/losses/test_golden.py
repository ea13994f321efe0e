"""Losses and gradients in float64 against the numbers of the authors' code.

1e-10 relative: the same formula in the same precision, summed in another order. (Files promise 1e-8.)
"""

import pytest
import torch
import torch.nn.functional as F

from vireid.losses import ClassMMD, CrossEntropy, FourWayHardTriplet, LossInputs, LossSum, SimilarityPreserving
from vireid.losses.functional import (
    batch_hard_triplet,
    class_mmd,
    four_way_hard_triplet,
    hard_triplet,
    similarity_preserving,
    weighted_regularized_triplet,
)


def same(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-13)


def leaf(tensor):
    return tensor.clone().requires_grad_()


@pytest.mark.parametrize(
    ("key", "margin", "normalise"), [("tri_m0.4_no", 0.4, False), ("tri_m0.4_yes", 0.4, True), ("tri_m-1_no", -1.0, False)]
)
def test_four_way_hard_triplet(cmnas, key, margin, normalise):
    v, t = leaf(cmnas["gv"]), leaf(cmnas["gt"])
    loss = four_way_hard_triplet(v, t, cmnas["pid"], margin, normalise)
    loss.backward()
    same(loss.detach(), cmnas[f"{key}_mean"])
    same(v.grad, cmnas[f"{key}_grad_v"])
    same(t.grad, cmnas[f"{key}_grad_t"])


@pytest.mark.parametrize(("term", "first", "second"), [(0, "gv", "gv"), (1, "gt", "gt"), (2, "gv", "gt"), (3, "gt", "gv")])
@pytest.mark.parametrize(("key", "margin"), [("tri_m0.4_no", 0.4), ("tri_m-1_no", -1.0)])
def test_terms_of_the_triplet(cmnas, term, first, second, key, margin):
    same(hard_triplet(cmnas[first], cmnas[second], cmnas["pid"], cmnas["pid"], margin), cmnas[key][term])


def test_similarity_preserving(cmnas):
    v, t = leaf(cmnas["fv"]), leaf(cmnas["ft"])
    loss = similarity_preserving(v, t)
    loss.backward()
    same(loss.detach(), cmnas["sp"])
    same(v.grad, cmnas["sp_grad_v"])
    same(t.grad, cmnas["sp_grad_t"])


@pytest.mark.parametrize("k", [2, 4, 8])
def test_class_mmd(cmnas, k):
    v, t = leaf(cmnas["fv"]), leaf(cmnas["ft"])
    loss = class_mmd(v, t, k)
    loss.backward()
    same(loss.detach(), cmnas[f"cmmd_k{k}"])
    if k == 4:
        same(v.grad, cmnas["cmmd_k4_grad_v"])
        same(t.grad, cmnas["cmmd_k4_grad_t"])


def as_inputs(cmnas, logits):
    features, embeddings = torch.cat([cmnas["gv"], cmnas["gt"]]), torch.cat([cmnas["fv"], cmnas["ft"]])
    return LossInputs(features, embeddings, logits, cmnas["labels2"], n_visible=16, k=4)


@pytest.mark.parametrize(("key", "smoothing"), [("ce", 0.0), ("ce_ls_0.1", 0.1), ("ce_ls_0.2", 0.2)])
def test_cross_entropy(cmnas, key, smoothing):
    logits = leaf(cmnas["logits"])
    loss = CrossEntropy(label_smoothing=smoothing)(as_inputs(cmnas, logits))
    loss.backward()
    same(loss.detach(), cmnas[key])
    same(logits.grad, cmnas[f"{key}_grad"])


def test_total_of_the_published_objective(cmnas):
    objective = LossSum([CrossEntropy(), FourWayHardTriplet(), SimilarityPreserving(), ClassMMD()])
    total, terms = objective(as_inputs(cmnas, cmnas["logits"]))
    same(total, cmnas["total"])
    expected = {"ce": cmnas["ce"], "triplet": cmnas["tri_m0.4_no_mean"], "sp": 5 * cmnas["sp"], "cmmd": 0.05 * cmnas["cmmd_k4"]}
    assert list(terms) == list(expected)
    for name, value in expected.items():
        same(terms[name], value)


def test_batch_hard_triplet(agw):
    x = leaf(agw["x"])
    loss = batch_hard_triplet(x, agw["labels"], margin=0.3)
    loss.backward()
    same(loss.detach(), agw["ori_triplet_m0.3"])
    same(x.grad, agw["ori_triplet_m0.3_grad"])


@pytest.mark.parametrize("key", ["wrt", "wrt_normalised", "wrt_large"])
def test_weighted_regularized_triplet(agw, key):
    # The stored gradient of `wrt_large` is with respect to the scaled rows (the README says x; that would be 12 times as much).
    x = leaf(agw["scale_large"] * agw["x"] if key == "wrt_large" else agw["x"])
    loss = weighted_regularized_triplet(F.normalize(x) if key == "wrt_normalised" else x, agw["labels"])
    loss.backward()
    same(loss.detach(), agw[key])
    same(x.grad, agw[f"{key}_grad"])


def test_corrected_weights_differ_only_where_distances_underflow(agw):
    x, y = agw["x"], agw["labels"]
    torch.testing.assert_close(weighted_regularized_triplet(x, y, "corrected"), agw["wrt"], rtol=2e-3, atol=0)
    large = weighted_regularized_triplet(agw["scale_large"] * x, y, "corrected")
    assert float(agw["wrt_large"]) > 35
    assert float(large) < 3  # negatives push again: the gap of weighted distances stays of the order of the spread
