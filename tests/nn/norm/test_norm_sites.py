"""All sites of a supernet together do what sites alone do, in a fraction of the operations."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.nn.norm.reference import B, C, batch, perturb, random_bn
from tests.operations import Operations
from vireid.nn import CANDIDATES, NormChoice, frozen_statistics
from vireid.nn.norm import moments
from vireid.nn.norm.mixed_site import mixed_site
from vireid.nn.norm.mixture import Mixed, norm_mixture
from vireid.nn.norm.norm_sites import NormSites
from vireid.search import BNSeparation, JointNorm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("with_rows", [True, False])
def test_a_site_with_equal_rows_is_the_general_one(with_rows: bool, groups: int, layout: torch.memory_format) -> None:
    x = batch().detach().contiguous(memory_format=layout).requires_grad_()
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(4 if with_rows else 3, groups, C, generator=generator, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    parts = [slice(g * B // groups, (g + 1) * B // groups) for g in range(groups)]
    out, found = mixed_site(x, coefficients, parts, 1e-5)
    expected, moments = norm_mixture(x, parts, Mixed(*coefficients.unbind()), 1e-5)
    assert torch.allclose(out, expected, rtol=0, atol=1e-13)
    for one, other in zip(
        torch.autograd.grad(out, [x, coefficients], grad), torch.autograd.grad(expected, [x, coefficients], grad), strict=True
    ):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)
    assert moments is not None
    assert found is not None
    assert found.counts == moments.counts
    assert torch.allclose(found.var, moments.var, rtol=0, atol=1e-14)
    for one, other in zip(found.pooled(), moments.pooled(), strict=True):
        assert torch.allclose(torch.as_tensor(one), torch.as_tensor(other), rtol=0, atol=1e-14)


def test_gradients_of_a_site_with_equal_rows_are_those_of_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 2, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    coefficients = torch.randn(4, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, c: mixed_site(x, c, [slice(0, 2), slice(2, 4)], 1e-2)[0], (x, coefficients))


def test_variances_of_constant_rows_are_not_negative() -> None:
    """Rounding is larger than the variance there, and a deviation would be NaN."""
    x = torch.logspace(3, 12, 2000).view(2, -1, 1, 1).expand(-1, -1, 11, 9).contiguous()
    assert (moments.started(x)[1] >= 0).all()


class Sites(nn.Module):
    """A network of three sites with different candidates and widths."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        sets = [CANDIDATES, ("shared_bn", "separate_bn"), ("shared_bn", "in", "separate_ibn")]
        self.sites = nn.ModuleList(NormChoice(random_bn(seed), own, **options) for seed, own in enumerate(sets))
        perturb(self)
        self.together = NormSites(list(self.sites))

    def forward(self, x: Tensor, n: int, together: bool) -> Tensor:
        for site in self.sites:
            site.n_visible = n
        with self.together.together(x, n) if together else nullcontext():
            for site in self.sites:
                x = site(x).tanh() + x
        return x


def run(net: Sites, n: int, together: bool, weights: list[Tensor]) -> list[Tensor]:
    """Output, gradients and buffers of one training step."""
    leaves = [row.clone().requires_grad_() for row in weights]
    for site, row in zip(net.sites, leaves, strict=True):
        site.set_mixture(row)
    x = batch()
    out = net(x, n, together)
    wanted = [x, *leaves, *net.parameters()]
    slopes = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    gradients = torch.autograd.grad((out * slopes).sum(), wanted, allow_unused=True, materialize_grads=True)
    return [out, *gradients, *(value.double() for value in net.buffers())]


@pytest.mark.parametrize("options", [{}, {"affine": "common"}, {"affine": "none"}, {"update_skipped": True}], ids=str)
@pytest.mark.parametrize("n", [B // 2, 2, B])
def test_sites_together_are_sites_alone(n: int, options: dict[str, Any]) -> None:
    alone, generator = Sites(**options), torch.Generator().manual_seed(3)
    if options.get("affine") == "common":
        perturb(alone)
    together = copy.deepcopy(alone)
    weights = [torch.rand(len(site.candidates), generator=generator, dtype=torch.float64) for site in alone.sites]
    weights[0][1] = 0.0  # the statistics of a candidate that is not used stay as they are
    for _ in range(2):  # running statistics are moved more than once
        for one, other in zip(run(alone, n, False, weights), run(together, n, True, weights), strict=True):
            assert torch.allclose(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("space", [JointNorm("resnet10", width=8), BNSeparation("resnet10", width=8)], ids=["joint", "separation"])
def test_a_step_of_a_supernet_is_that_of_its_sites(space: JointNorm | BNSeparation, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    supernet = space.supernet().double()
    sites, candidates = len(space.sites()), max(len(site.candidates) for site in space.sites())
    logits = torch.randn(sites, candidates, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    images = torch.randn(8, 3, 32, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for alone in (False, True):
        net = copy.deepcopy(supernet)
        with monkeypatch.context() as patch:
            if alone:
                patch.setattr(NormSites, "_mixing_now", lambda self, modalities: None)
            net.set_mixture(logits.softmax(1))
            out = net(images, 4)
        gradients = torch.autograd.grad(out.square().mean(), [logits, *net.parameters()])
        found.append([out, *gradients, *(value.double() for value in net.buffers() if value.numel())])
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() <= 1e-9 * other.abs().max().clamp_min(1e-30)


@pytest.mark.parametrize(("space", "most"), [(JointNorm("resnet50"), 4300), (BNSeparation("resnet50"), 3500)], ids=["joint", "separation"])
def test_an_architecture_step_starts_few_operations(space: JointNorm | BNSeparation, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the losses, whose operations do not depend on the network: about a hundred."""
    monkeypatch.setattr(moments, "adds_vectors", lambda x: False)  # as on a GPU
    supernet = space.supernet()
    logits = torch.zeros(len(space.sites()), len(space.sites()[0].candidates), requires_grad=True)
    images = torch.randn(4, 3, 32, 16)
    for _ in range(2):  # what the first step finds is kept
        with frozen_statistics(supernet), Operations() as operations:
            supernet.set_mixture(logits.softmax(1))
            supernet(images, 2).square().mean().backward(inputs=[logits])
    assert operations.total < most - 150, operations.most_common(10)


def test_a_site_that_is_called_twice_follows_twice_and_a_copy_is_of_no_pass() -> None:
    site = NormChoice(random_bn())
    sites, x = NormSites([site]), batch()
    site.set_mixture(torch.full((2,), 0.5, dtype=torch.float64, requires_grad=True))
    site.n_visible = 3
    with sites.together(x, 3):
        assert copy.deepcopy(site).coefficients is None
        site(site(x))
        assert int(site.layers["shared_bn"].num_batches_tracked) == 1  # the second time is not counted before the end
    assert int(site.layers["shared_bn"].num_batches_tracked) == 2


def test_sites_that_use_running_statistics_are_left_alone() -> None:
    site = NormChoice(random_bn()).eval()
    site.n_visible = 3
    with NormSites([site]).together(batch(), 3):
        assert site.coefficients is None
