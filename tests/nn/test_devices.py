"""The kernels behind separate and mixed norms agree with naive float64 layers on every device, memory format and input dtype."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.nn.norm.reference import naive_mixture, naive_separate, perturb
from vireid.nn import NormChoice, SeparateBatchNorm2d

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
TOLERANCE = {torch.float32: 2e-5, torch.float16: 2e-2, torch.bfloat16: 1.5e-1}  # of values and gradients up to about 5


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["separate", "mixture"])
def test_agrees_with_naive_float64(device: str, layout: torch.memory_format, dtype: torch.dtype, training: bool, kind: str) -> None:
    bn = nn.BatchNorm2d(16)
    ours = SeparateBatchNorm2d.from_batch_norm(bn) if kind == "separate" else NormChoice(bn)
    perturb(ours)
    theirs = copy.deepcopy(ours).double()
    ours.to(device).train(training)
    theirs.train(training)
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(7, 16, 6, 5, generator=generator) + 0.5).to(dtype)
    grad = torch.randn(7, 16, 6, 5, generator=generator).to(dtype)
    mine = x.to(device).contiguous(memory_format=layout).requires_grad_()
    weights = torch.tensor([0.3, 0.7], device=device, requires_grad=True)
    ours.n_visible = 3
    if isinstance(ours, NormChoice):
        ours.set_mixture(weights)
    out = ours(mine)
    gradients = torch.autograd.grad(out, [mine, *ours.parameters()], grad.to(device).contiguous(memory_format=layout))
    exact = x.double().requires_grad_()
    if isinstance(theirs, NormChoice):
        expected = naive_mixture(theirs.layers, exact, 3, weights.detach().cpu().double())
    else:
        expected = naive_separate(theirs, exact, 3)
    reference = torch.autograd.grad(expected, [exact, *theirs.parameters()], grad.double())
    assert out.dtype == gradients[0].dtype == dtype
    assert out.is_contiguous(memory_format=layout)
    assert gradients[0].is_contiguous(memory_format=layout)
    pairs = zip([out, *gradients], [expected, *reference], strict=True)
    for found, wanted in pairs:
        scale = max(1.0, float(wanted.detach().abs().max()) / 5)
        torch.testing.assert_close(found.detach().cpu().double(), wanted.detach(), rtol=0, atol=TOLERANCE[dtype] * scale)
    for found, wanted in zip(ours.buffers(), theirs.buffers(), strict=True):  # statistics are float32 whatever the input
        torch.testing.assert_close(found.cpu().double(), wanted.double(), rtol=0, atol=1e-5)
