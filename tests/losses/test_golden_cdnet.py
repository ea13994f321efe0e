"""Losses of the published CDNet code."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.golden.cdnet import error, golden, tensor
from vireid.losses import BatchHardTriplet, CrossEntropy, LossInputs
from vireid.losses.distances import floored_distances
from vireid.losses.functional import batch_hard_triplet

DATA = golden("losses")
LABELS = tensor(DATA["labels"])


def features(dtype: torch.dtype) -> Tensor:
    return tensor(DATA["feat"]).to(dtype).requires_grad_()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("name", "margin"), [("triplet_m0.3", 0.3), ("triplet_soft", -1.0)])  # published margin 0 means soft; ours below 0
def test_triplet(name: str, margin: float, dtype: torch.dtype, tolerance: float) -> None:
    rows = features(dtype)
    loss = batch_hard_triplet(rows, LABELS, margin)
    loss.backward()
    assert rows.grad is not None
    assert error(loss, DATA[name]) < tolerance
    assert error(rows.grad, DATA[f"{name}/grad_feat"]) < tolerance
    unit = batch_hard_triplet(normalize(features(dtype)), LABELS, 0.3)
    assert error(unit, DATA["triplet_m0.3_normalized"]) < tolerance


def test_distances() -> None:
    rows = features(torch.float64)
    found, expected = floored_distances(rows, rows).detach(), tensor(DATA["dist_mat"])
    off = ~torch.eye(len(rows), dtype=torch.bool)
    assert float((found - expected)[off].abs().max() / expected.max()) < 1e-6
    assert float(found.diagonal().max()) < 1e-6 + 1e-7  # rounding of |a|^2 + |a|^2 - 2 a.a may leave a little above the floor
    same = LABELS[:, None] == LABELS
    for name in ("triplet_m0.3", "triplet_soft"):
        assert error(found.masked_fill(~same, 0).max(1).values, DATA[f"{name}/dist_ap"]) < 1e-6
        assert error(found.masked_fill(same, 1e9).min(1).values, DATA[f"{name}/dist_an"]) < 1e-6


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("name", "smoothing"), [("ce", 0.0), ("ce_smooth_0.1", 0.1)])
def test_cross_entropy(name: str, smoothing: float, dtype: torch.dtype, tolerance: float) -> None:
    rows, scores = features(dtype), tensor(DATA["scores"]).to(dtype)
    inputs = LossInputs(rows, rows, scores, LABELS, n_visible=len(rows))
    assert error(CrossEntropy(label_smoothing=smoothing)(inputs), DATA[name]) < tolerance
    assert error(BatchHardTriplet()(inputs), DATA["triplet_m0.3"]) < tolerance
