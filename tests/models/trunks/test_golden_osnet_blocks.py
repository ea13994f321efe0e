"""OSNet's layers and its block with four placements, against the published code's numbers and hand-made cases."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.golden.osnet_checks import close, fill, golden, network_input
from vireid.errors import SettingsError
from vireid.models.trunks.osnet_blocks import OSBLOCKS, OSBlock
from vireid.models.trunks.osnet_layers import ChannelGate, ConvLayer, LightConvStream

DATA = golden("osnet_blocks")
INPUTS = {"down": 48, "same": 64}


def block(placement: str, case: str, affine: bool = True) -> OSBlock:
    made = fill(OSBLOCKS[placement](INPUTS[case], 64, affine), lambda name: f"block.{name}")
    assert isinstance(made, OSBlock)
    return made


def case_input(case: str) -> Tensor:
    x = network_input(f"block.{case}.x", 2, INPUTS[case], 6, 3)
    close(x, DATA[f"x_{case}"])
    return x


@pytest.mark.parametrize("case", INPUTS)
@pytest.mark.parametrize("placement", OSBLOCKS)
def test_blocks_in_both_modes_and_their_gradients(placement: str, case: str) -> None:
    x = case_input(case).requires_grad_()
    close(block(placement, case).eval()(x), DATA[f"affine_{placement}_{case}_eval"])
    trained = block(placement, case).train()
    y = trained(x)
    close(y, DATA[f"affine_{placement}_{case}_train"])
    (y * network_input(f"block.{case}.probe", *y.shape)).sum().backward()
    gradients = {"dgate": trained.gate.fc1.weight.grad, "dconv3": trained.conv3.conv.weight.grad}
    if case == "down":
        gradients["dx"] = x.grad
    norms = {"conv1": trained.conv1.bn, "s4": trained.conv2[3].layers[3].bn}
    for name, value in gradients.items():
        assert value is not None
        close(value, DATA[f"affine_{placement}_{case}_{name}"])
    for name, norm in norms.items():
        close(norm.running_mean, DATA[f"affine_{placement}_{case}_rm_{name}"])
        close(norm.running_var, DATA[f"affine_{placement}_{case}_rv_{name}"])


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("placement", OSBLOCKS)
def test_blocks_without_affine_parameters(placement: str, mode: str) -> None:
    found = block(placement, "down", affine=False).train(mode == "train")
    assert not [name for name, _ in found.named_parameters() if "bn" in name or "IN" in name]
    close(found(case_input("down")), DATA[f"plain_{placement}_down_{mode}"])


def test_pieces() -> None:
    x = network_input("piece.x", 2, 32, 6, 4)
    close(fill(ChannelGate(32), lambda name: f"gate.{name}")(x), DATA["piece_gate"])
    close(fill(LightConvStream(32, 3), lambda name: f"stream.{name}").eval()(x), DATA["piece_stream3_eval"])


@pytest.mark.parametrize("norm", ["in", "bn"])
def test_stem(norm: str) -> None:
    norms = {"in": lambda channels: nn.InstanceNorm2d(channels, affine=True), "bn": nn.BatchNorm2d}
    stem = fill(ConvLayer(3, 16, 7, norms[norm], stride=2, padding=3), lambda name: f"stem.{name}")
    close(stem.eval()(network_input("stem.x", 2, 3, 20, 12)), DATA[f"stem_{norm}_eval"])


def test_norm_parameters_of_the_placements() -> None:
    sizes = {name: sum(p.numel() for p in kind(64, 64).parameters()) for name, kind in OSBLOCKS.items()}
    assert sizes["in"] == sizes["none"]
    assert sizes["out"] == sizes["inout"] == sizes["none"] + 2 * 64


def test_a_block_by_hand() -> None:
    """Gate and streams are shut off: r is 0, and the placements keep or normalise the identity."""
    x = torch.rand(2, 64, 4, 3, dtype=torch.float64)
    for placement, expected in (("none", x), ("in", x), ("out", None), ("inout", None)):
        made = OSBLOCKS[placement](64, 64).double().eval()
        nn.init.zeros_(made.conv3.conv.weight)
        normalised = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
        torch.testing.assert_close(made(x), normalised.relu() if expected is None else expected)


def test_channels_that_do_not_fit() -> None:
    with pytest.raises(SettingsError, match="multiple of 4, got 66"):
        OSBlock(64, 66)
    with pytest.raises(SettingsError, match="at least 16 channels, got 8"):
        OSBlock(64, 32)
