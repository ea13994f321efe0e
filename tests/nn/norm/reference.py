"""Naive layers to compare with: whole BatchNorm2d modules, split and concatenated."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vireid.nn import CANDIDATES, InstanceBatchNorm2d, NormChoice, SeparateBatchNorm2d

B, C, H, W = 6, 5, 4, 3


def random_bn(seed: int = 0, dtype: torch.dtype = torch.float64, **options: object) -> nn.BatchNorm2d:
    """A batch norm with random parameters and statistics."""
    generator = torch.Generator().manual_seed(seed)
    bn = nn.BatchNorm2d(C, **options).to(dtype)
    with torch.no_grad():
        for tensor in (bn.weight, bn.bias, bn.running_mean, bn.running_var):
            if tensor is not None:
                tensor.copy_(torch.rand(C, generator=generator) + 0.3)
    return bn


def perturb(module: nn.Module, seed: int = 1) -> None:
    """Different parameters and statistics everywhere, so that no mix-up goes unseen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.5)


def batch(seed: int = 2, dtype: torch.dtype = torch.float64, size: Sequence[int] = (B, C, H, W)) -> Tensor:
    """Activations whose mean is not 0, leaf."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*size, generator=generator, dtype=torch.float64) * 1.5 + 0.7).to(dtype).requires_grad_()


def naive_separate(layer: SeparateBatchNorm2d, x: Tensor, n: int) -> Tensor:
    """Split, two whole layers, concatenate; a modality without rows is not called."""
    parts = [bn(rows) for bn, rows in ((layer.visible, x[:n]), (layer.infrared, x[n:])) if len(rows)]
    return torch.cat(parts)


def naive_layer(layer: nn.Module, x: Tensor, n: int) -> Tensor:
    """Any candidate's layer, from whole torch layers on the rows and channels that they see."""
    if isinstance(layer, SeparateBatchNorm2d):
        return naive_separate(layer, x, n)
    if isinstance(layer, InstanceBatchNorm2d):
        half = x.shape[1] // 2
        return torch.cat((layer.IN(x[:, :half]), naive_layer(layer.BN, x[:, half:], n)), dim=1)
    return layer(x)  # type: ignore[no-any-return]


def naive_mixture(layers: nn.ModuleDict, x: Tensor, n: int, weights: Tensor) -> Tensor:
    """Sum of whole layers."""
    return sum(w * naive_layer(layer, x, n) for w, layer in zip(weights, layers.values(), strict=True))  # type: ignore[return-value]


def compare(
    ours: nn.Module,
    run: Callable[[nn.Module, Tensor], Tensor],
    naive: Callable[[nn.Module, Tensor], Tensor],
    x: Tensor,
    extra: Sequence[Tensor] = (),
    atol: float = 1e-12,
) -> None:
    """Forward, all gradients, all buffers of ``run(ours, x)`` equal those of ``naive(copy of ours, x)``."""
    theirs = copy.deepcopy(ours)
    results = []
    for module, function in ((ours, run), (theirs, naive)):
        out = function(module, x)
        grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64).to(out.dtype)
        wanted = [tensor for tensor in (x, *extra, *module.parameters()) if tensor.requires_grad]
        gradients = torch.autograd.grad(out, wanted, grad, allow_unused=True) if wanted else ()
        zeros = [torch.zeros_like(t) if g is None else g for t, g in zip(wanted, gradients, strict=True)]
        results.append([out.detach(), *zeros, *module.buffers()])
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=atol)


def site(
    candidates: Sequence[str] = CANDIDATES,
    n: int | None = 2,
    dtype: torch.dtype = torch.float64,
    bn: Mapping[str, Any] | None = None,
    **options: Any,
) -> NormChoice:
    """A choice whose candidates differ in all parameters and statistics, with arguments of its batch norm and its own."""
    made = NormChoice(random_bn(dtype=dtype, **(bn or {})), candidates, **options)
    perturb(made)
    made.n_visible = n
    return made


def simplex(count: int, grad: bool = True) -> Tensor:
    """Random mixture weights that sum to 1."""
    weights = torch.rand(count, generator=torch.Generator().manual_seed(5), dtype=torch.float64) + 0.1
    return (weights / weights.sum()).requires_grad_(grad)


def check(ours: NormChoice, x: Tensor, weights: Tensor, atol: float = 1e-12) -> None:
    """Under the mixture of ``weights`` the choice equals the naive sum: output, gradients and buffers."""
    n = ours.n_visible
    assert n is not None
    ours.set_mixture(weights)
    extra = [weights] if weights.requires_grad else []
    compare(ours, lambda m, x: m(x), lambda m, x: naive_mixture(m.layers, x, n, weights), x, extra, atol)  # type: ignore[arg-type]
