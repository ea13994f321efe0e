"""The non-local block: the published layer, the double sum of its definition, and its start as the identity."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.golden.cmnas import close, golden
from tests.golden.formula import fill_entry
from vireid.errors import SettingsError
from vireid.models.published.agw import NON_LOCAL
from vireid.nn import NonLocal

X = torch.randn(4, 6, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def awake(inner: int | None) -> NonLocal:
    torch.manual_seed(1)
    block = NonLocal(6, inner).double()
    torch.nn.init.normal_(block.norm.weight)
    return block


def test_the_published_layer() -> None:
    data = golden("agw_losses")
    block = NonLocal(6, inner=1).double()
    names = {name: NON_LOCAL[name.split(".")[0]] + "." + name.split(".")[1] for name in block.state_dict()}
    assert set(names.values()) == set(data["nl_state_names"])
    block.load_state_dict({ours: fill_entry(names[ours], value.shape, int(data["S"])) for ours, value in block.state_dict().items()})
    x = torch.from_numpy(data["nl_in"])
    close(block.eval()(x), data["nl_eval"], 1e-12)
    close(block.train()(x), data["nl_train"], 1e-12)
    close(block.norm.running_mean, data["nl_train_bn_mean"], 1e-12)
    close(block.norm.running_var, data["nl_train_bn_var"], 1e-12)


def naive(block: NonLocal, x: Tensor) -> Tensor:
    """Pairs of positions one by one."""
    a, b, g = (embed(x).flatten(2) for embed in (block.theta, block.phi, block.g))
    n = a.shape[2]
    y = torch.zeros_like(g)
    for row in range(len(x)):
        for i in range(n):
            for j in range(n):
                y[row, :, i] += a[row, :, i] @ b[row, :, j] / n * g[row, :, j]
    return x + block.norm(block.out(y.view(len(x), -1, *x.shape[2:])))


@pytest.mark.parametrize("inner", [None, 1, 4])
def test_the_definition(inner: int | None) -> None:
    block = awake(inner).eval()
    torch.testing.assert_close(block(X), naive(block, X))
    assert block.theta.out_channels == (3 if inner is None else inner)


def test_the_identity_until_it_has_learnt() -> None:
    block = NonLocal(6).double()
    assert torch.equal(block(X), X)
    block(X).square().sum().backward()
    assert block.norm.weight.grad.abs().max() > 0  # it can leave zero
    assert block.theta.weight.grad.abs().max() == 0


def test_gradients() -> None:
    assert torch.autograd.gradcheck(awake(2).eval(), X[:2].clone().requires_grad_())


def test_widths_below_one() -> None:
    with pytest.raises(SettingsError, match="must be at least 1, got 6 and 0"):
        NonLocal(6, inner=0)
    assert NonLocal(1).theta.out_channels == 1


def test_half_precision_sums_do_not_overflow() -> None:
    block = NonLocal(4).half()
    with torch.no_grad():
        for layer in (block.theta, block.phi, block.g):
            layer.weight.fill_(0.25)
            layer.bias.zero_()
        block.norm.weight.fill_(1.0)
    x = torch.full((1, 4, 36, 18), 12.0, dtype=torch.float16)  # 648 times 12 * 12 is above what float16 holds, 12 * 12 * 12 is not
    y = torch.stack([embed(x).flatten(2) for embed in (block.theta, block.phi, block.g)])
    assert torch.isfinite(block.eval()(x)).all()
    assert torch.isinf(y[2] @ y[1].mT).any()
