"""Losses against naive loops, invariances, gradients, precision and refusals."""

import math

import pytest
import torch

from vireid.losses.functional import (
    batch_hard_triplet,
    class_mmd,
    four_way_hard_triplet,
    hard_triplet,
    similarity_preserving,
    weighted_regularized_triplet,
)

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


def rows(n=6, d=4, seed=0, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def naive_hard_triplet(a, b, ya, yb, margin):
    total = 0.0
    for i in range(len(a)):
        distances = [math.dist(a[i].tolist(), b[j].tolist()) for j in range(len(b))]
        positives = [d for j, d in enumerate(distances) if yb[j] == ya[i]]
        negatives = [d for j, d in enumerate(distances) if yb[j] != ya[i]]
        if positives and negatives:
            gap = max(positives) - min(negatives)
            total += math.log1p(math.exp(gap)) if margin < 0 else max(0.0, gap + margin)
    return total / len(a)


def naive_weighted_triplet(x, y, corrected):
    total = 0.0
    for i in range(len(x)):
        sides = []
        for sign, match in ((1, True), (-1, False)):
            members = [math.dist(x[i].tolist(), x[j].tolist()) for j in range(len(x)) if (y[j] == y[i]) == match]
            top = max(sign * d for d in members) if corrected else max(0.0, *(sign * d for d in members))
            weights = [math.exp(sign * d - top) for d in members]
            sides.append(sum(w * d for w, d in zip(weights, members, strict=True)) / (sum(weights) + 1e-6))
        total += math.log1p(math.exp(sides[0] - sides[1]))
    return total / len(x)


@pytest.mark.parametrize("margin", [0.0, 0.4, 3.0, -1.0])
def test_hard_triplet_with_unequal_identities_equals_loops(margin):
    ya, yb = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([1, 1, 0, 2, 2, 2, 3])
    a, b = rows(5, seed=1), rows(7, seed=2)
    assert float(hard_triplet(a, b, ya, yb, margin)) == pytest.approx(naive_hard_triplet(a, b, ya, yb, margin), rel=1e-12)


def test_four_way_with_unequal_halves_equals_loops():
    v, t, yv, yt = rows(5, seed=1), rows(7, seed=2), torch.tensor([0, 0, 0, 1, 2]), torch.tensor([1, 1, 0, 2, 2, 2, 0])
    sides = [(v, v, yv, yv), (t, t, yt, yt), (v, t, yv, yt), (t, v, yt, yv)]
    # 1e-6: the floor gives an anchor's distance to itself where it is its own only positive
    expected = sum(naive_hard_triplet(*side, 0.4) for side in sides) / 4
    assert float(four_way_hard_triplet(v, t, yv, infrared_labels=yt)) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("stabilise", ["faithful", "corrected"])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_weighted_triplet_equals_loops(stabilise, scale):
    x = scale * rows()
    expected = naive_weighted_triplet(x, LABELS, stabilise == "corrected")
    assert float(weighted_regularized_triplet(x, LABELS, stabilise)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("margin", [0.3, -1.0])
def test_one_identity_costs_nothing_and_has_no_gradient(margin):
    x = rows().requires_grad_()
    loss = batch_hard_triplet(x, torch.zeros(6, dtype=torch.int64), margin)
    loss.backward()
    assert loss.item() == 0.0
    assert x.grad.abs().max() == 0.0


def test_cross_terms_ignore_anchors_without_positive():
    assert float(hard_triplet(rows(2), rows(3), torch.tensor([0, 0]), torch.tensor([1, 1, 2]))) == 0.0


@pytest.mark.parametrize("stabilise", ["faithful", "corrected"])
def test_weighted_triplet_of_one_identity_is_finite(stabilise):
    x = rows().requires_grad_()
    weighted_regularized_triplet(x, torch.zeros(6, dtype=torch.int64), stabilise).backward()
    assert x.grad.isfinite().all()


SMOOTH = {
    "four_way": lambda v, t: four_way_hard_triplet(v, t, LABELS, margin=5.0),
    "four_way_soft": lambda v, t: four_way_hard_triplet(v, t, LABELS, margin=-1.0, normalise=True),
    "sp": similarity_preserving,
    "cmmd": lambda v, t: class_mmd(v, t, 2),
    "batch_hard": lambda v, t: batch_hard_triplet(torch.cat([v, t]), LABELS.repeat(2), margin=5.0),
    "wrt": lambda v, t: weighted_regularized_triplet(torch.cat([v, t]), LABELS.repeat(2)),
    "wrt_corrected": lambda v, t: weighted_regularized_triplet(torch.cat([v, t]), LABELS.repeat(2), "corrected"),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradcheck(name):
    assert torch.autograd.gradcheck(SMOOTH[name], (rows(seed=3).requires_grad_(), rows(seed=4).requires_grad_()))


@pytest.mark.parametrize("name", SMOOTH)
def test_identical_rows_have_finite_gradients(name):
    v = torch.ones(6, 4, dtype=torch.float64, requires_grad=True)
    SMOOTH[name](v, v).backward()
    assert v.grad.isfinite().all()


@pytest.mark.parametrize("name", SMOOTH)
def test_permuting_identities_changes_nothing(name):
    v, t = rows(seed=3), rows(seed=4)
    order = torch.tensor([4, 5, 0, 1, 2, 3])  # whole runs, so that k = 2 and the labels' partition stay
    torch.testing.assert_close(SMOOTH[name](v[order], t[order]), SMOOTH[name](v, t), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["four_way", "batch_hard", "wrt", "wrt_corrected"])
def test_triplets_ignore_the_order_of_rows(name):
    v, t = rows(seed=3), rows(seed=4)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    function = {
        "four_way": lambda v, t, y: four_way_hard_triplet(v, t, y),
        "batch_hard": lambda v, t, y: batch_hard_triplet(torch.cat([v, t]), y.repeat(2)),
        "wrt": lambda v, t, y: weighted_regularized_triplet(torch.cat([v, t]), y.repeat(2)),
        "wrt_corrected": lambda v, t, y: weighted_regularized_triplet(torch.cat([v, t]), y.repeat(2), "corrected"),
    }[name]
    torch.testing.assert_close(function(v[order], t[order], LABELS[order]), function(v, t, LABELS), rtol=1e-12, atol=0)


def test_scale_invariant_losses():
    v, t = rows(seed=3), rows(seed=4)
    scale = torch.tensor([[2.0], [0.5], [3.0], [1.0], [7.0], [0.1]], dtype=torch.float64)
    torch.testing.assert_close(class_mmd(v * scale, t, 3), class_mmd(v, t, 3))
    torch.testing.assert_close(similarity_preserving(3 * v, t), similarity_preserving(v, t))
    torch.testing.assert_close(
        four_way_hard_triplet(v * scale, t, LABELS, normalise=True), four_way_hard_triplet(v, t, LABELS, normalise=True)
    )
    assert not torch.isclose(four_way_hard_triplet(v * scale, t, LABELS), four_way_hard_triplet(v, t, LABELS))


@pytest.mark.parametrize("name", SMOOTH)
def test_equal_in_float32_under_autocast(name):
    v, t = rows(seed=3, dtype=torch.float32), rows(seed=4, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = SMOOTH[name](v, t)
    assert inside.dtype == torch.float32
    assert inside == SMOOTH[name](v, t)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", SMOOTH)
def test_half_inputs_are_computed_in_float32(name, dtype):
    v, t = 300 * rows(seed=3).to(dtype), 300 * rows(seed=4).to(dtype)  # squares overflow float16
    loss = SMOOTH[name](v, t)
    assert loss.dtype == torch.float32
    assert loss == SMOOTH[name](v.float(), t.float())


def test_float64_stays_float64_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert class_mmd(rows(seed=3), rows(seed=4), 2).dtype == torch.float64


def test_losses_compile_to_one_graph():
    def objective(v, t, labels):
        return (
            four_way_hard_triplet(v, t, labels) + similarity_preserving(v, t) + class_mmd(v, t, 2) + weighted_regularized_triplet(v, labels)
        )

    v, t = rows(seed=3), rows(seed=4)
    compiled = torch.compile(objective, backend="eager", fullgraph=True)  # a graph break is an error: no value is read in Python
    torch.testing.assert_close(compiled(v, t, LABELS), objective(v, t, LABELS))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: class_mmd(rows(), rows(), 4), "6 rows are not a multiple of k=4"),
        (lambda: class_mmd(rows(), rows(), 0), "not a multiple of k=0"),
        (lambda: similarity_preserving(rows(6), rows(5)), "must have the same shape"),
        (lambda: four_way_hard_triplet(rows(6), rows(5), LABELS), "must have the same shape"),
        (lambda: four_way_hard_triplet(rows(6), rows(5, 3), LABELS, infrared_labels=LABELS[:5]), "equally many dimensions, got 4 and 3"),
        (lambda: four_way_hard_triplet(rows(), rows(), LABELS[:4]), "`labels` must hold one label for each of the 6 rows of `visible`"),
        (lambda: hard_triplet(rows(6), rows(6, 3), LABELS, LABELS), "equally many dimensions, got 4 and 3"),
        (lambda: hard_triplet(rows(), rows(), LABELS, LABELS[:, None]), "`other_labels` must hold one label"),
        (lambda: batch_hard_triplet(rows(), LABELS, margin=math.nan), "`margin` must be a finite number"),
        (lambda: batch_hard_triplet(rows()[0], LABELS), r"must have shape \(rows, dimensions\)"),
        (lambda: batch_hard_triplet(rows()[:0], LABELS[:0]), "at least one row"),
        (lambda: batch_hard_triplet(rows().long(), LABELS), "must be floating point"),
        (lambda: weighted_regularized_triplet(rows(), LABELS, "typo"), '`stabilise` must be "faithful" or "corrected"'),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
