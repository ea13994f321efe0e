"""Graphs of the published CGRNet code: outputs, attentions and gradients; and what the formulas promise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.golden.cgrnet import checksums, close, fill, golden, uniform
from vireid.errors import SettingsError
from vireid.nn import ChannelGraph, GlobalLocalReasoning, MixtureOfSoftmaxAttention, PositionGraph

DATA = golden("cgrnet_graph")
PROBE = torch.from_numpy(DATA["probe"])


def leaf(name: str, scale: float = 1.0) -> Tensor:
    return (scale * torch.from_numpy(DATA[name])).requires_grad_()


def check_gradients(module: torch.nn.Module, expected: object) -> None:
    parameters = dict(module.named_parameters())
    found = torch.stack([checksums(parameters[str(name)].grad) for name in DATA["pam_param_names"]])  # type: ignore[arg-type]
    close(found, expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["self", "cross"])
def test_position_graph(kind: str) -> None:
    graph = fill(PositionGraph(32), "pam.")
    for name, value in graph.state_dict().items():
        assert torch.equal(value, torch.from_numpy(DATA[f"pam_param.{name}"]))
    x, y = leaf("x"), leaf("y")
    other = y if kind == "cross" else None
    out = graph(x, other)
    (out * PROBE).sum().backward()
    close(out, DATA[f"pam_{kind}_out"])
    close(graph.attention(x, other), DATA[f"pam_{kind}_att"])  # type: ignore[operator]
    close(x.grad, DATA[f"pam_{kind}_grad_x"])  # type: ignore[arg-type]
    check_gradients(graph, DATA[f"pam_{kind}_grad_checksums"])
    if kind == "cross":
        close(y.grad, DATA["pam_cross_grad_y"])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["self", "cross"])
def test_channel_graph(kind: str) -> None:
    graph = ChannelGraph().double()
    with torch.no_grad():
        graph.gamma.copy_(torch.from_numpy(DATA["cam_gamma"]))
    x, y = leaf("x", 0.3), leaf("y", 0.3)
    out = graph(x, y if kind == "cross" else None)
    (out * PROBE).sum().backward()
    close(out, DATA[f"cam_{kind}_out"])
    attention = graph.take_report()
    assert attention is not None
    close(attention, DATA[f"cam_{kind}_att"])
    close(x.grad, DATA[f"cam_{kind}_grad_x"])  # type: ignore[arg-type]
    close(graph.gamma.grad, DATA[f"cam_{kind}_grad_gamma"])  # type: ignore[arg-type]
    if kind == "cross":
        close(y.grad, DATA["cam_cross_grad_y"])  # type: ignore[arg-type]


def test_channel_graph_in_training_only_reports_and_may_be_left_out() -> None:
    x = torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(0))
    graph, released = ChannelGraph(), ChannelGraph(only_in_evaluation=True)
    assert not released.gamma.requires_grad
    for module in (graph, released):
        assert torch.equal(module(x), x)  # gamma starts at 0
        with torch.no_grad():
            module.gamma.fill_(0.5)
    assert graph.take_report() is not None
    assert torch.equal(released.train()(x), x)
    assert released.take_report() is None
    assert torch.equal(released.eval()(x), graph.eval()(x))
    assert not torch.allclose(released(x), x)
    assert graph.take_report() is None


def test_scaled_channel_graph_divides_by_the_number_of_pixels() -> None:
    x = torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(ChannelGraph(scaled=True).attention(x), ChannelGraph().attention(x / 12**0.5))
    assert ChannelGraph().attention(x.float().half()).dtype == torch.float32


def test_global_local_reasoning() -> None:
    block = GlobalLocalReasoning(32, "triple")
    for name in ("local2local", "local2global", "global2local"):
        fill(block.get_submodule(name), f"{name}.")
    x = leaf("x")
    mean = x.mean((2, 3), keepdim=True)
    out = block(x)
    (out * PROBE).sum().backward()
    close(out, DATA["block_out"])
    close(x.grad, DATA["block_grad_x"])  # type: ignore[arg-type]
    close(block.local2local(x), DATA["block_local2local"])
    close(block.global2local(x, mean), DATA["block_global2local"])
    close(block.local2global(mean, x).expand_as(x), DATA["block_local2global"])
    close((block.global2local.attention(x, mean) / 18).expand(-1, -1, 18), DATA["block_att_global2local"])
    close(block.local2global.attention(mean, x).expand(-1, 18, -1), DATA["block_att_local2global"])
    for name in ("local2local", "local2global", "global2local"):
        check_gradients(block.get_submodule(name), DATA[f"block_grad_checksums_{name}"])


def test_a_mean_of_one_pixel_is_a_mean_at_every_pixel() -> None:
    graph, x = fill(PositionGraph(32), "pam."), leaf("x")
    mean = x.mean((2, 3), keepdim=True)
    torch.testing.assert_close(graph(x, mean), graph(x, mean.expand_as(x)))
    torch.testing.assert_close(graph(mean, x).expand_as(x), graph(mean.expand_as(x), x))


def test_residuals_at_the_start() -> None:
    x = leaf("x").detach()
    torch.testing.assert_close(GlobalLocalReasoning(32).double()(x), x, rtol=0, atol=0)
    torch.testing.assert_close(GlobalLocalReasoning(32, "triple").double()(x), 3 * x + x.mean((2, 3), keepdim=True))


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("mixtures", [1, 2])
def test_mixture_of_softmaxes(pooled: bool, mixtures: int) -> None:
    module = MixtureOfSoftmaxAttention(16, 2, 8, 8, mixtures, pooled).double()
    names = {"query_key_conv": "conv_qs", "value_conv": "conv_vs", "mixing": "attention", "out_conv": "conv", "norm": "norm_layer"}
    for ours, theirs in names.items():
        if getattr(module, ours) is not None:
            fill(module.get_submodule(ours), f"acf.{theirs}.")
    x = uniform("acf.x", (2, 16, 6, 4)).requires_grad_()
    out = module.eval()(x)
    (out * uniform("acf.probe", (2, 16, 6, 4))).sum().backward()
    close(out, DATA[f"acf_pool{int(pooled)}_mix{mixtures}_out"])
    close(x.grad, DATA[f"acf_pool{int(pooled)}_mix{mixtures}_grad_x"])  # type: ignore[arg-type]
    assert not torch.equal(module.train()(x), out)  # dropout and statistics of the batch


@pytest.mark.parametrize("module", [ChannelGraph(), PositionGraph(32), GlobalLocalReasoning(32), MixtureOfSoftmaxAttention(32)])
def test_mixed_precision_is_close(module: torch.nn.Module) -> None:
    torch.manual_seed(0)
    for name, parameter in module.named_parameters():
        if name.endswith("gamma"):
            torch.nn.init.constant_(parameter, 0.5)
    x = 0.3 * torch.randn(2, 32, 6, 4)
    expected = module.eval()(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = module(x)
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


def test_refusals() -> None:
    with pytest.raises(SettingsError, match="at least 16 channels, got 8"):
        PositionGraph(8)
    with pytest.raises(SettingsError, match="`residual` must be 'triple' or 'single', got 'none'"):
        GlobalLocalReasoning(32, "none")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="`mixtures` must be at least 1 and divide `key_channels`, got 3 and 8"):
        MixtureOfSoftmaxAttention(16, key_channels=8, mixtures=3)
    with pytest.raises(SettingsError, match=r"`dropout` must lie in \[0, 1\), got 1.0"):
        MixtureOfSoftmaxAttention(16, dropout=1.0)
