"""Losses of the published CGRNet and HHRG code: values and gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.golden.cgrnet import close, golden
from vireid.losses import BatchHardTriplet, CrossEntropy, LossInputs, LossSum
from vireid.losses.functional import (
    aligned_distances,
    attention_alignment,
    cross_correlation,
    hetero_centre_triplet,
    local_alignment,
    weighted_regularized_triplet,
)
from vireid.losses.local_alignment import hardest_pairs
from vireid.losses.weighted_regularized_triplet import _weights

CGRNET, HHRG = golden("cgrnet_losses"), golden("hhrg_losses")
LABELS = torch.from_numpy(CGRNET["labels"])


def leaf(data: dict[str, object], name: str) -> Tensor:
    return torch.from_numpy(data[name]).clone().requires_grad_()  # type: ignore[arg-type]


def grad(value: Tensor, leaf: Tensor) -> Tensor:
    return torch.autograd.grad(value, leaf)[0]


def test_cgrnet_terms_and_gradients() -> None:
    feat, logits, first, second = (leaf(CGRNET, name) for name in ("feat", "logits", "att1", "att2"))
    inputs = LossInputs(feat, feat, logits, LABELS, 8, 2)
    released, terms = LossSum([CrossEntropy(), BatchHardTriplet(2.0)])(inputs)
    aligned = attention_alignment(first, second)
    close(terms["ce"], CGRNET["id"])
    close(terms["batch_hard"] / 2, CGRNET["triplet"])
    close(aligned, CGRNET["l1"])
    close(released, CGRNET["total_released"])
    full = released + 10 * aligned
    close(full, CGRNET["total_full"])
    for name, found in zip(("feat", "logits", "att1", "att2"), torch.autograd.grad(full, (feat, logits, first, second)), strict=True):
        close(found, CGRNET[f"grad_{name}"])


def test_softmax_weights() -> None:
    weights = _weights(torch.from_numpy(CGRNET["sw_dist"]), torch.from_numpy(CGRNET["sw_mask"]) > 0, "faithful")
    close(weights, CGRNET["softmax_weights"])


def test_hetero_centre_triplet() -> None:
    feat = leaf(HHRG, "feat")
    loss = hetero_centre_triplet(feat[:8], feat[8:], LABELS[:8], 2)
    close(loss, HHRG["hc_triplet"])
    close(grad(loss, feat), HHRG["hc_triplet_grad"])


def test_cross_correlation() -> None:
    feat = leaf(HHRG, "feat")
    loss = cross_correlation(feat[:8], feat[8:])
    close(loss, HHRG["cmcc"])
    close(grad(loss, feat), HHRG["cmcc_grad"])


def test_local_alignment() -> None:
    feat, strips = leaf(HHRG, "feat"), leaf(HHRG, "local_feat")
    positive, negative = hardest_pairs(feat, LABELS)
    assert torch.equal(positive, torch.from_numpy(HHRG["p_inds"]))
    assert torch.equal(negative, torch.from_numpy(HHRG["n_inds"]))
    unit = torch.nn.functional.normalize(strips, dim=2)
    close(aligned_distances(unit[:, None], unit), HHRG["local_dist_matrix"])
    close(aligned_distances(unit, unit[positive]), HHRG["local_dist_ap"])
    close(aligned_distances(unit, unit[negative]), HHRG["local_dist_an"])
    loss = local_alignment(strips, feat, LABELS)
    close(loss, HHRG["local_align_loss"])
    close(grad(loss, strips), HHRG["local_align_grad"])


def test_weighted_regularized_triplet() -> None:
    feat = leaf(HHRG, "feat")
    loss = weighted_regularized_triplet(feat, LABELS)
    close(loss, HHRG["wrt"])
    close(grad(loss, feat), HHRG["wrt_grad"])
