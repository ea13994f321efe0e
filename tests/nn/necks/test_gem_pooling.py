"""Generalised mean pooling: the published layer, closed forms, and a learned exponent."""

from __future__ import annotations

import pytest
import torch

from tests.golden.cmnas import close, golden
from vireid.errors import SettingsError
from vireid.nn import GeMPooling, GlobalAveragePooling
from vireid.settings import instantiate

X = torch.rand(3, 4, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_published_layer() -> None:
    data = golden("agw_losses")
    close(GeMPooling()(torch.from_numpy(data["gem_in"])), data["gem_out"], 1e-12)


def test_between_mean_and_maximum() -> None:
    torch.testing.assert_close(GeMPooling(p=1.0)(X), GlobalAveragePooling()(X))
    torch.testing.assert_close(GeMPooling(p=2.0)(X), X.square().mean((2, 3)).sqrt())
    ratio = GeMPooling(p=200.0)(1 + X) / (1 + X).amax((2, 3))
    assert (ratio <= 1).all()
    assert (ratio >= 10 ** (-1 / 200)).all()  # one of ten pixels is the largest


@pytest.mark.parametrize("learn", [False, True])
def test_gradients(learn: bool) -> None:
    pooling = GeMPooling(2.5, learn).double()
    inputs = (X[:1, :2].clone().requires_grad_(), *pooling.parameters())
    assert len(inputs) == 1 + learn
    assert torch.autograd.gradcheck(lambda x, *_: pooling(x), inputs)


@pytest.mark.parametrize("learn", [False, True])
def test_a_channel_without_any_activation(learn: bool) -> None:
    pooling, x = GeMPooling(3.0, learn), torch.zeros(1, 1, 2, 2, requires_grad=True)
    pooling(x).sum().backward()
    assert torch.equal(x.grad, torch.zeros_like(x))
    assert all(torch.isfinite(p.grad) for p in pooling.parameters())


def test_half_precision_does_not_overflow() -> None:
    x = torch.full((1, 1, 2, 2), 60.0, dtype=torch.float16)  # 60 ** 3 is above what float16 holds
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert GeMPooling()(x).item() == pytest.approx(60.0)


def test_settings() -> None:
    again = instantiate(GeMPooling(2.0, learn=True).settings())
    assert [name for name, _ in again.named_parameters()] == ["p"]
    assert again.p.item() == 2.0
    assert GeMPooling(2.0).state_dict() == {}
    with pytest.raises(SettingsError, match="`p` must be above 0, got 0"):
        GeMPooling(0.0)


def test_values_below_zero_count_as_zero() -> None:
    x = torch.tensor([-5.0, -1.0, 0.0, 2.0]).reshape(1, 1, 2, 2).requires_grad_()
    pooled = GeMPooling()(x)
    torch.testing.assert_close(pooled, GeMPooling()(x.clamp_min(0)))
    (gradient,) = torch.autograd.grad(pooled.sum(), x)
    assert torch.isfinite(gradient).all()
