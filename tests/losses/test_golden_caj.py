"""CAJ's losses and gradients in float64 against the numbers of the authors' code, and by hand.

1e-10 relative, as in test_golden.py.
"""

import pytest
import torch

from tests.losses.test_golden import leaf, same
from vireid.losses.functional import enhanced_squared_difference, prediction_consistency, softened_kl, weighted_distances


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("gamma", [1, 2])
@pytest.mark.parametrize("alpha", [1, 2])
def test_enhanced_squared_difference(agw, alpha, gamma, square):
    key, x = f"adp_a{alpha}_g{gamma}_sq{square:d}", leaf(agw["x"])
    loss = enhanced_squared_difference(x, agw["labels"], alpha, gamma, square)
    loss.backward()
    same(loss.detach(), agw[key])
    if f"{key}_grad" in agw:
        same(x.grad, agw[f"{key}_grad"])
    positive, negative = weighted_distances(agw["x"], agw["labels"], sharpness=alpha)
    assert (negative >= positive).sum() == agw[f"{key}_correct"]


@pytest.mark.parametrize("key", ["wrt", "wrt_normalised", "wrt_large"])
def test_anchors_that_count_as_correct(agw, key):
    x = {"wrt": agw["x"], "wrt_normalised": torch.nn.functional.normalize(agw["x"]), "wrt_large": agw["scale_large"] * agw["x"]}[key]
    positive, negative = weighted_distances(x, agw["labels"])
    assert (negative >= positive).sum() == agw[f"{key}_correct"]


def test_the_ceiling_of_the_reference_stops_gradients(agw):
    x = leaf(agw["scale_large"] * agw["x"])
    loss = enhanced_squared_difference(x, agw["labels"])
    loss.backward()
    same(loss.detach(), agw["adp_a1_g1_sq1_large"])
    assert not x.grad.any()
    enhanced_squared_difference(x, agw["labels"], stabilise="corrected").backward()
    assert x.grad.any()
    far = torch.tensor([[0.0], [20.0], [0.0], [20.0]])  # a violated gap of nearly 20 in every row
    loss = enhanced_squared_difference(far, torch.tensor([0, 0, 1, 1]), stabilise="corrected")
    torch.testing.assert_close(loss, torch.tensor(400.0), rtol=1e-3, atol=0)


def test_gap_by_hand():
    x, labels = torch.tensor([[0.0], [3.0], [1.0]], dtype=torch.float64), torch.tensor([0, 0, 1])
    positive, negative = weighted_distances(x, labels, "corrected", sharpness=0.0)
    torch.testing.assert_close(positive, torch.tensor([1.5, 1.5, 0.0], dtype=torch.float64), rtol=1e-6, atol=2e-6)
    torch.testing.assert_close(negative, torch.tensor([1.0, 2.0, 1.5], dtype=torch.float64), rtol=2e-6, atol=0)
    loss = enhanced_squared_difference(x, labels, alpha=0.0, gamma=2.0, stabilise="corrected")
    expected = torch.nn.functional.softplus(torch.tensor([0.5, -0.5, -4.5], dtype=torch.float64)).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)


def test_softened_kl(agw):
    logits = leaf(agw["kl_pred"])
    loss = softened_kl(logits, agw["kl_target"])
    loss.backward()
    same(loss.detach(), agw["kl"])
    same(logits.grad, agw["kl_grad"])


def test_softened_kl_is_the_divergence(agw):
    p, q = (torch.distributions.Categorical(logits=agw[key] / 2) for key in ("kl_pred", "kl_target"))
    expected = 4 * torch.distributions.kl_divergence(q, p).mean()
    torch.testing.assert_close(softened_kl(agw["kl_pred"], agw["kl_target"], 2.0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("agree", [softened_kl, prediction_consistency])
def test_teachers_have_no_gradient(agw, agree):
    logits, teacher = leaf(agw["kl_pred"]), leaf(agw["kl_target"])
    agree(logits, teacher).backward()
    assert teacher.grad is None
    assert logits.grad.any()
    assert torch.autograd.gradcheck(lambda z: agree(z, agw["kl_target"]), logits)


def test_prediction_consistency_by_hand():
    teacher, logits = torch.tensor([[0.0, 0.0], [0.0, 1.0]]), torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    first = 0.5 * (torch.log1p(torch.tensor(-2.0).exp()) + torch.log1p(torch.tensor(2.0).exp()))
    torch.testing.assert_close(prediction_consistency(logits, teacher), (first + torch.tensor(2.0).log()) / 2)


@pytest.mark.parametrize("agree", [softened_kl, prediction_consistency])
def test_refusals(agree):
    with pytest.raises(ValueError, match=r"`logits` and `teacher` must have the same shape.*\(2, 3\) and \(3, 3\)"):
        agree(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match="`logits` must have shape"):
        agree(torch.zeros(2), torch.zeros(2))


def test_numbers_out_of_range(agw):
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0, got -1"):
        softened_kl(agw["kl_pred"], agw["kl_target"], -1.0)
    with pytest.raises(ValueError, match="`alpha` must be a finite number of at least 0, got inf"):
        enhanced_squared_difference(agw["x"], agw["labels"], alpha=float("inf"))
    with pytest.raises(ValueError, match="`gamma` must be a finite number above 0, got 0"):
        enhanced_squared_difference(agw["x"], agw["labels"], gamma=0.0)
    with pytest.raises(ValueError, match="`stabilise` must be"):
        weighted_distances(agw["x"], agw["labels"], "no")


@pytest.mark.parametrize("agree", [softened_kl, prediction_consistency])
def test_float32_under_autocast(agw, agree):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert agree(agw["kl_pred"].bfloat16(), agw["kl_target"].bfloat16()).dtype == torch.float32
        assert enhanced_squared_difference(agw["x"].bfloat16(), agw["labels"]).dtype == torch.float32
