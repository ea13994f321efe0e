"""Blocks of CNet and CDNet against the published code, float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.golden.cdnet import error, fill, golden, tensor, uniform
from vireid.errors import SettingsError
from vireid.models.trunks.cdnet_blocks import (
    AdaptiveFuse,
    CombinedBlock,
    CombinedDepthBlock,
    ConvNorm,
    ConvStem,
    DepthwiseBlock,
    DownSample,
    initialise,
)

DATA = golden("ops")
SEED, (CI, CO) = int(DATA["seed"]), map(int, DATA["channels"])
LAYERS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "dwblock": (lambda: DepthwiseBlock(CO), "x_out"),
    "adaptive_fuse": (lambda: AdaptiveFuse(CO), "x_out"),
    "downsample": (lambda: DownSample(CO), "x_out"),
    "conv1x1bnrelu": (lambda: ConvNorm(CI, CO), "x_in"),
    "conv1x1bn": (lambda: ConvNorm(CI, CO, relu=False), "x_in"),
    "cblock_expand_3_5": (lambda: CombinedBlock(CI, CO, (3, 5)), "x_in"),
    "cblock_same_5_7": (lambda: CombinedBlock(CO, CO, (5, 7)), "x_out"),
    "cblock_same_3_9_nofuse": (lambda: CombinedBlock(CO, CO, (3, 9), fuse=False), "x_out"),
    "cdblock_3_5_2": (lambda: CombinedDepthBlock(CI, CO, (3, 5), 2), "x_in"),
    "cdblock_5_9_1": (lambda: CombinedDepthBlock(CO, CO, (5, 9), 1), "x_out"),
    "stem_7_2_pool": (lambda: ConvStem(8), "img"),
    "stem_3_1_nopool": (lambda: ConvStem(8, small=True), "img"),
}


def test_formula() -> None:
    expected = torch.tensor([-0.9942934797145426, 0.19410856068134308, -0.04552093055099249], dtype=torch.float64)
    assert torch.equal(uniform("base.stem.conv1.op.0.weight", 3, 0), expected)
    assert float(uniform("base.stem.conv1.op.0.weight", 1, 1)) == -0.9273102590814233


@pytest.mark.parametrize("tag", LAYERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_outputs_gradients_and_statistics(tag: str, dtype: torch.dtype, tolerance: float) -> None:
    build, source = LAYERS[tag]
    layer = fill(build(), f"{tag}.", SEED).to(dtype)
    x = tensor(DATA[source]).to(dtype)
    x = (x[:, :, :12, :8].contiguous() if tag == "stem_3_1_nopool" else x).requires_grad_()
    assert error(layer.eval()(x), DATA[f"{tag}/eval_out"]) < tolerance
    out = layer.train()(x)
    assert error(out, DATA[f"{tag}/train_out"]) < tolerance
    if f"{tag}/grad_x" in DATA:
        out.square().mean().backward()
        assert x.grad is not None
        assert error(x.grad, DATA[f"{tag}/grad_x"]) < tolerance
    if f"{tag}/squeeze_running_mean_after" in DATA:
        assert isinstance(layer, CombinedBlock)
        bn = layer.squeeze.op[1]
        assert error(bn.running_mean, DATA[f"{tag}/squeeze_running_mean_after"]) < tolerance
        assert error(bn.running_var, DATA[f"{tag}/squeeze_running_var_after"]) < tolerance


def test_parameter_counts() -> None:
    for ci, co, k1, k2, repeats, count in golden("complexity")["cdblock_params"].tolist():
        with torch.device("meta"):
            block = CombinedDepthBlock(ci, co, (k1, k2), repeats)
        assert sum(p.numel() for p in block.parameters()) == count


def test_initial_weights() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(CombinedBlock(64, 256, (3, 5)), nn.Linear(256, 256))
    for parameter in module.parameters():
        nn.init.constant_(parameter, 7.0) if parameter.dim() > 1 else None
    initialise(module)
    weight = module[0].squeeze.op[0].weight
    assert abs(weight.std().item() * (64 / 2) ** 0.5 - 1) < 0.05
    assert abs(module[1].weight.std().item() - 0.001) < 5e-5
    biases = [module[1].bias, module[0].adaption.fc1.bias, module[0].adaption.fc2.bias, module[0].squeeze.op[1].bias]
    assert all(bool((bias == 0).all()) for bias in biases)
    assert bool((module[0].squeeze.op[1].weight == 1).all())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CombinedBlock(16, 32, (3, 4)), r"`kernels` must be two of 3, 5, 7, 9, got \[3, 4\]"),
        (lambda: CombinedBlock(16, 32, (3,)), "`kernels` must be two of"),
        (lambda: CombinedBlock(16, 12, (3, 5)), "`out_channels` must be at least 16.*got 12"),
        (lambda: CombinedDepthBlock(16, 32, (3, 5), 0), "`repeats` must be at least 1, got 0"),
    ],
)
def test_errors(build: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build()
