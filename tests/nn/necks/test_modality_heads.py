"""Heads of each modality and the neck with a choice of norms, by their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn.necks.modality_heads import HeadStatistics, ModalityHeads
from vireid.nn.necks.norm_neck import NormNeck


def heads(head_bn: HeadStatistics = "mixed") -> ModalityHeads:
    torch.manual_seed(0)
    made = ModalityHeads(4, 3, 6, head_bn).double()
    for norm in (made.visible.norm, made.infrared.norm):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.uniform_(norm.bias, -1, 1)
    return made


def rows(count: int = 9) -> Tensor:
    return torch.randn(count, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_hand(head: nn.Module, x: Tensor, statistics_of: Tensor) -> Tensor:
    """Normalised with the statistics of some rows, then two linear layers."""
    norm, fc1, fc2 = head.norm, head.fc1, head.fc2
    scaled = (x - statistics_of.mean(0)) / (statistics_of.var(0, correction=0) + norm.eps).sqrt()
    return fc2(fc1(scaled * norm.weight + norm.bias))  # type: ignore[operator, no-any-return]


def test_statistics_of_the_whole_batch() -> None:
    made, x = heads().train(), rows()
    expected = torch.stack((by_hand(made.visible, x, x), by_hand(made.infrared, x, x)), 1)
    torch.testing.assert_close(made(x, 4), expected)
    torch.testing.assert_close(made.visible.norm.running_mean, 0.1 * x.mean(0))
    torch.testing.assert_close(made.visible.norm.running_mean, made.infrared.norm.running_mean)


@pytest.mark.parametrize("n_visible", [4, 7])
def test_statistics_of_the_own_modality(n_visible: int) -> None:
    made, x = heads("per_modality").train(), rows()
    expected = torch.stack((by_hand(made.visible, x, x[:n_visible]), by_hand(made.infrared, x, x[n_visible:])), 1)
    torch.testing.assert_close(made(x, n_visible), expected)
    for head, own in ((made.visible, x[:n_visible]), (made.infrared, x[n_visible:])):
        torch.testing.assert_close(head.norm.running_mean, 0.1 * own.mean(0))
        torch.testing.assert_close(head.norm.running_var, 0.9 + 0.1 * own.var(0))


def test_rows_of_the_other_modality_do_not_move_the_own_statistics() -> None:
    x = rows().requires_grad_()
    logits = heads("per_modality").train()(x, 4)
    (gradient,) = torch.autograd.grad(logits[4:, 0].square().sum(), x)
    assert not gradient[:4].any()
    assert gradient[4:].abs().min() > 0


@pytest.mark.parametrize("n_visible", [0, 9])
def test_a_batch_of_one_modality(n_visible: int) -> None:
    made, x = heads("per_modality").train(), rows()
    own, other = (made.visible, made.infrared) if n_visible else (made.infrared, made.visible)
    logits = made(x, n_visible)
    torch.testing.assert_close(logits[:, 0 if n_visible else 1], by_hand(own, x, x))
    fresh = (x / (1 + other.norm.eps) ** 0.5) * other.norm.weight + other.norm.bias  # running statistics as they start
    torch.testing.assert_close(logits[:, 1 if n_visible else 0], other.fc2(other.fc1(fresh)))
    assert int(other.norm.num_batches_tracked) == 0  # type: ignore[arg-type]


def test_autocast() -> None:
    made, x = heads("per_modality").float().train(), rows().float()
    expected = made(x, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = made(x.bfloat16(), 4)
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


def test_evaluation_is_row_by_row() -> None:
    made, x = heads("per_modality").eval(), rows()
    torch.testing.assert_close(made(x, 4), torch.cat([made(x[i : i + 1], 0) for i in range(9)]))


def test_initial_weights() -> None:
    made = ModalityHeads(50, 40, 2000)
    for head in (made.visible, made.infrared):
        for layer in (head.fc1, head.fc2):
            assert float(layer.weight.detach().std()) == pytest.approx((2 / layer.out_features) ** 0.5, rel=0.02)
            assert not layer.bias.any()
    assert not torch.equal(made.visible.fc1.weight, made.infrared.fc1.weight)


def test_head_refusals() -> None:
    with pytest.raises(SettingsError, match="`hidden` must be at least 1, got 0"):
        ModalityHeads(4, 3, 0)
    with pytest.raises(SettingsError, match='`head_bn` must be "mixed" or "per_modality", got \'both\''):
        ModalityHeads(4, 3, head_bn="both")  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", ["bn", "gn"])
@pytest.mark.parametrize("bias", [True, False])
def test_neck(norm: str, bias: bool) -> None:
    neck, x = NormNeck(4, norm, bias).double().train(), rows()  # type: ignore[arg-type]
    expected = {
        "bn": lambda: (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt(),
        "gn": lambda: torch.cat([(h - h.mean(1, True)) / (h.var(1, correction=0, keepdim=True) + 1e-5).sqrt() for h in x.split(2, 1)], 1),
    }[norm]()
    torch.testing.assert_close(neck(x), expected)
    assert [p.requires_grad for p in neck.parameters()] == [True, bias]


def test_no_neck() -> None:
    neck, x = NormNeck(4, "none", True), rows()
    assert torch.equal(neck(x), x)
    with pytest.raises(SettingsError, match='`norm` must be "bn", "gn" or "none", got \'ln\''):
        NormNeck(4, "ln")  # type: ignore[arg-type]


def test_classifiers_of_the_neck() -> None:
    plain, biased = NormNeck(50).build_classifier(2000), NormNeck(50, classifier_bias=True).build_classifier(2000)
    assert plain.bias is None
    assert float(plain.weight.detach().std()) == pytest.approx(0.001, rel=0.02)
    assert float(biased.weight.detach().std()) == pytest.approx((2 / 2000) ** 0.5, rel=0.02)
    assert not biased.bias.any()
