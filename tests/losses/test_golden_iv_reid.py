"""Losses of IV-REID against the published code's numbers, and of classifiers of modalities by hand and by naive loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.golden.cgrnet import close, golden
from vireid.losses import BatchHardTriplet, CrossEntropy, LossInputs, ModalityCrossEntropy, MutualKL, functional

DATA = golden("iv_reid_losses")
ORDER = torch.from_numpy(np.concatenate([DATA["rgb_index"], DATA["ir_index"]]))  # visible rows first; the file has mixed blocks
LABELS = torch.from_numpy(DATA["pids"])[ORDER]


def leaf(name: str) -> Tensor:
    return torch.from_numpy(DATA[name]).clone().requires_grad_()


def batch(score: Tensor, features: Tensor, head_rgb: Tensor, head_ir: Tensor) -> LossInputs:
    """The rows of the file, visible ones first."""
    extras = {"modality_logits": torch.stack((head_rgb, head_ir), 1)[ORDER]}
    return LossInputs(features[ORDER], features[ORDER], score[ORDER], LABELS, 8, 2, extras=extras)


@pytest.mark.parametrize("reduction", ["batchmean", "mean"])
@pytest.mark.parametrize("margin", [0.2, 0.3])
def test_terms_and_gradients(reduction: str, margin: float) -> None:
    leaves = [leaf(name) for name in ("score", "feat", "head_rgb", "head_ir")]
    inputs = batch(*leaves)
    ce, kl = ModalityCrossEntropy(), MutualKL(reduction=reduction)  # type: ignore[arg-type]
    shared, triplet = CrossEntropy()(inputs), BatchHardTriplet(margin=margin, on="embeddings")(inputs)
    total = shared + ce(inputs) + kl(inputs) + triplet
    sides = (inputs.visible, inputs.infrared)  # a batch of one modality has its term alone
    terms = [shared, *(ce(side) for side in sides), *(kl(side) for side in sides), triplet, total]
    assert DATA["term_names"].tolist() == ["id_share", "id_rgb", "id_ir", "kl_rgb", "kl_ir", "triplet", "total"]
    close(torch.stack(terms), DATA[f"terms_{reduction}_m{margin}"], 1e-12)
    total.backward()
    close(leaves[0].grad, DATA["grad_score"], 1e-12)
    close(leaves[1].grad, DATA[f"grad_feat_m{margin}"], 1e-12)
    close(leaves[2].grad, DATA[f"grad_head_rgb_{reduction}"], 1e-12)
    close(leaves[3].grad, DATA[f"grad_head_ir_{reduction}"], 1e-12)


@pytest.mark.parametrize("reduction", ["batchmean", "mean"])
def test_a_detached_teacher_gets_no_gradient(reduction: str) -> None:
    leaves = [leaf(name) for name in ("score", "feat", "head_rgb", "head_ir")]
    MutualKL(reduction=reduction)(batch(*leaves)).backward()  # type: ignore[arg-type]
    rgb, ir = leaves[2].grad, leaves[3].grad
    assert rgb is not None
    assert ir is not None
    close(rgb, DATA[f"klgrad_head_rgb_{reduction}"], 1e-12)
    close(ir, DATA[f"klgrad_head_ir_{reduction}"], 1e-12)
    assert not rgb[DATA["ir_index"]].any()
    assert not ir[DATA["rgb_index"]].any()


def test_options_that_the_scripts_leave_alone() -> None:
    features, labels = torch.from_numpy(DATA["feat"]), torch.from_numpy(DATA["pids"])
    score = torch.from_numpy(DATA["score"])
    inputs = LossInputs(features, features, score, labels, 8)
    close(functional.batch_hard_triplet(features, labels, margin=-1), DATA["triplet_soft_margin"], 1e-12)
    close(functional.batch_hard_triplet(features, labels, 0.3, normalise=True), DATA["triplet_m0.3_normalised_feat"], 1e-11)
    close(CrossEntropy(label_smoothing=0.1)(inputs), DATA["ce_label_smooth_eps0.1"], 1e-12)
    expected = torch.from_numpy(DATA["dist_ap"] - DATA["dist_an"])
    close(functional.batch_hard_triplet(features, labels, 0.3), (expected + 0.3).clamp(min=0).mean().numpy(), 1e-12)


def random_logits(rows: int = 7, classes: int = 5) -> Tensor:
    return torch.randn(rows, 2, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("reduction", ["batchmean", "mean"])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_mutual_kl_by_loops(reduction: str, temperature: float) -> None:
    logits, n_visible = random_logits(), 3
    expected = 0.0
    for row, both in enumerate((logits / temperature).softmax(2).tolist()):
        own, other = both if row < n_visible else both[::-1]
        rows = n_visible if row < n_visible else len(logits) - n_visible
        part = sum(q * (math.log(q) - math.log(p)) for p, q in zip(own, other, strict=True))
        expected += temperature**2 * part / rows / (len(own) if reduction == "mean" else 1)
    found = functional.mutual_kl(logits, n_visible, reduction, temperature=temperature)  # type: ignore[arg-type]
    assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("detach", [True, False])
def test_gradients_of_both_classifiers(detach: bool) -> None:
    logits = random_logits().requires_grad_()
    if not detach:
        assert torch.autograd.gradcheck(lambda z: functional.mutual_kl(z, 3, detach_target=False, temperature=2.0), [logits])
    functional.mutual_kl(logits, 3, detach_target=detach).backward()
    assert logits.grad is not None
    own, teacher = logits.grad[:3, 0], logits.grad[:3, 1]
    p, q = logits.detach().softmax(2)[:3].unbind(1)
    torch.testing.assert_close(own, (p - q) / 3)
    assert bool(teacher.any()) != detach


def test_classifiers_that_agree_have_nothing_to_learn() -> None:
    one = random_logits()[:, :1]
    assert float(functional.mutual_kl(one.expand(-1, 2, -1), 3)) == pytest.approx(0, abs=1e-14)


def test_modality_cross_entropy_by_loops() -> None:
    logits, labels, n_visible = random_logits(), torch.tensor([0, 1, 4, 2, 2, 3, 0]), 3
    expected = 0.0
    for row, label in enumerate(labels.tolist()):
        own = logits[row, 0 if row < n_visible else 1].softmax(0)
        expected -= math.log(float(own[label])) / (n_visible if row < n_visible else len(labels) - n_visible)
    assert float(functional.modality_cross_entropy(logits, labels, n_visible)) == pytest.approx(expected, rel=1e-12)


def test_full_precision_under_autocast() -> None:
    logits, labels = random_logits().bfloat16(), torch.tensor([0, 1, 4, 2, 2, 3, 0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert functional.mutual_kl(logits, 3).dtype == torch.float32
        assert functional.modality_cross_entropy(logits, labels, 3).dtype == torch.float32


def test_refusals() -> None:
    labels = torch.zeros(7, dtype=torch.int64)
    for wrong in (torch.zeros(7, 5), torch.zeros(7, 3, 5), torch.zeros(0, 2, 5)):
        with pytest.raises(ValueError, match=r"`logits` must have shape \(rows, 2, classes\)"):
            functional.mutual_kl(wrong, 0)
        with pytest.raises(ValueError, match=r"`logits` must have shape \(rows, 2, classes\)"):
            functional.modality_cross_entropy(wrong, labels, 0)
    with pytest.raises(ValueError, match="`n_visible` must be 0 to 7, the number of rows, got 8"):
        functional.mutual_kl(random_logits(), 8)
    with pytest.raises(ValueError, match="`labels` must hold one label for each of the 7 rows"):
        functional.modality_cross_entropy(random_logits(), labels[:6], 3)
    with pytest.raises(ValueError, match='`reduction` must be "batchmean" or "mean"'):
        functional.mutual_kl(random_logits(), 3, "sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        functional.mutual_kl(random_logits(), 3, temperature=float("inf"))
