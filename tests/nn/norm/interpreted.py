"""The fused kernels of a norm site, run by Triton's interpreter on the CPU; ``test_fused.py`` starts this file in a process of its own."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from tests.nn.norm.reference import batch
from tests.operations import Operations
from vireid.nn import frozen_statistics
from vireid.nn.norm import fused, moments
from vireid.nn.norm.fused import Fused
from vireid.nn.norm.mixed_site import mixed_site
from vireid.nn.norm.mixture import Mixed, norm_mixture
from vireid.search import BNSeparation, JointNorm

C = 37
COUNTS = [(3, 3), (2, 5), (1, 1), (1, 6), (17, 8), (5,), (1,)]


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fused, "devices", frozenset({"cpu"}))


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "adds_vectors", lambda x: False)


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the kernels that were launched; what the interpreter does is no operation."""
    found, launch = list[str](), Fused._launch
    for dtype in (torch.float32, torch.float64):  # at their first use kernels are tried
        assert fused._works(torch.device("cpu"), dtype)

    def launched(self: Fused, kernel: Any, *args: Any) -> None:
        with _disable_current_modes():
            launch(self, kernel, *args)
        found.append(kernel.__name__)

    monkeypatch.setattr(Fused, "_launch", launched)
    return found


def site(counts: tuple[int, ...], kinds: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Activations, coefficients that are a part of those of several sites, and the gradient of the output."""
    x = batch(dtype=torch.float64, size=(sum(counts), C, 4, 3)).detach().to(dtype).requires_grad_()
    generator = torch.Generator().manual_seed(0)
    several = torch.randn(kinds, len(counts), 2 * C, generator=generator, dtype=torch.float64)
    grad = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(dtype)
    several = several.to(torch.promote_types(dtype, torch.float32))
    return x, several[..., C:].requires_grad_(), grad


def results(function: str, counts: tuple[int, ...], kinds: int, dtype: torch.dtype) -> list[Tensor]:
    """Output, gradients and statistics."""
    x, coefficients, grad = site(counts, kinds, dtype)
    edges = [0, *torch.tensor(counts).cumsum(0).tolist()]
    parts = [slice(start, stop) for start, stop in pairwise(edges)]
    if function == "fused":
        out, moments = mixed_site(x, coefficients, parts, 1e-5)
    else:
        out, moments = norm_mixture(x, parts, Mixed(*coefficients.unbind()), 1e-5)
    assert moments is not None
    assert moments.counts == tuple(count * 12 for count in counts)
    found = [out, *torch.autograd.grad(out, [x, coefficients], grad), moments.mean, moments.var, *moments.pooled()[:2]]
    return [value.detach().double() for value in found]


@pytest.mark.parametrize("kinds", [3, 4], ids=["no rows", "rows"])
@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_kernels_are_the_general_mixture(counts: tuple[int, ...], kinds: int, launches: list[str]) -> None:
    exact = results("general", counts, kinds, torch.float64)
    for one, other in zip(results("fused", counts, kinds, torch.float64), exact, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)
    assert launches[-2:] == ["forward", "backward"]
    for one, other in zip(results("fused", counts, kinds, torch.float32), exact, strict=True):
        assert (one - other).abs().max() <= 1e-6 * other.abs().max()  # 8 roundings of the largest entry


def test_half_precision_has_wide_statistics(launches: list[str]) -> None:
    found, expected = (results(function, (3, 4), 4, torch.bfloat16) for function in ("fused", "general"))
    assert launches[-2:] == ["forward", "backward"]
    for name, one, other in zip(("out", "x", "coefficients", *["statistics"] * 4), found, expected, strict=True):
        bound = 1e-2 if name in ("out", "x") else 1e-6  # one rounding to bfloat16 is 4e-3
        assert (one - other).abs().max() <= bound * other.abs().max()


def test_gradients_are_those_of_differences(launches: list[str]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 2, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    coefficients = torch.randn(4, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, c: mixed_site(x, c, [slice(0, 1), slice(1, 3)], 1e-2)[0], (x, coefficients))
    assert "backward" in launches


@pytest.mark.parametrize("n", [4, 3], ids=["equal rows", "unequal rows"])
def test_a_step_of_a_supernet_is_that_of_single_operations(n: int, launches: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    space, found = JointNorm("resnet10", width=8), []
    supernet = space.supernet().double()
    logits = torch.randn(len(space.sites()), 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    images = torch.randn(8, 3, 32, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    for devices in ({"cpu"}, set()):
        monkeypatch.setattr(Fused, "devices", frozenset(devices))
        launches.clear()
        supernet.load_state_dict(before)
        supernet.set_mixture(logits.softmax(1))
        out = supernet(images, n)
        gradients = torch.autograd.grad(out.square().mean(), [logits, *supernet.parameters()])
        found.append([out, *gradients, *(value.double() for value in supernet.buffers() if value.numel())])
        assert len(launches) == (2 * len(space.sites()) if devices else 0)
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() <= 1e-9 * other.abs().max().clamp_min(1e-30)


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_site_starts_seven_operations(launches: list[str]) -> None:
    x, coefficients, grad = site((3, 4), 4, torch.float32)
    with Operations() as operations:
        out, _ = mixed_site(x, coefficients, [slice(0, 3), slice(3, 7)], 1e-5)
        out.backward(grad, inputs=[x])
    assert operations.total + len(launches) == 7, operations.counts


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("space", [JointNorm("resnet50"), BNSeparation("resnet50")], ids=["joint", "separation"])
def test_an_architecture_step_starts_few_operations(
    space: JointNorm | BNSeparation, launches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the losses, whose operations do not depend on the network: about a hundred."""
    supernet = space.supernet()
    logits = torch.zeros(len(space.sites()), len(space.sites()[0].candidates), requires_grad=True)
    images = torch.randn(4, 3, 32, 16)
    with monkeypatch.context() as patch:  # what the first step finds is kept
        patch.setattr(Fused, "devices", frozenset())
        supernet.set_mixture(logits.softmax(1))
        supernet(images, 2)
    with frozen_statistics(supernet), Operations() as operations:
        supernet.set_mixture(logits.softmax(1))
        supernet(images, 2).square().mean().backward(inputs=[logits])
    assert len(launches) == 2 * len(space.sites())
    assert operations.total + len(launches) < 1200 - 150, operations.most_common(10)
