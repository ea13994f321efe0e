"""A norm site whose parameters were mixed before the forward pass: two passes over the activations forward, and three backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vireid.nn.norm.equal_rows import EqualRows
from vireid.nn.norm.fused import Fused
from vireid.nn.norm.mixture import Mixed, norm_mixture
from vireid.nn.norm.moments import Moments, affine_into, affine_sums, kernels_suit, layout, started
from vireid.nn.norm.site_algebra import SiteAlgebra


def mixed_site(x: Tensor, coefficients: Tensor, parts: Sequence[slice], eps: float) -> tuple[Tensor, Moments | None]:
    """Mixture of normalisations of a batch, and its statistics.

    Args:
        x: ``(B, C, H, W)``.
        coefficients: ``(3, G, C)`` or ``(4, G, C)``: the offset, and the weights of what is divided by the deviation of the batch, of the
            rows of a modality, and of each row alone where there are four.
        parts: rows of the G modalities, 1 or 2; together all rows, in order.
        eps: added to variances.
    """
    counts = tuple(part.stop - part.start for part in parts)
    algebra = _algebra(x, coefficients, counts, eps)
    if algebra is None:
        return norm_mixture(x, parts, Mixed(*coefficients.unbind()), eps)
    out, mean, var, *whole = _MixedSite.apply(x, coefficients, algebra)
    return out, Moments(mean, var, tuple(count * algebra.pixels for count in counts), (whole[0], whole[1]))


def _algebra(x: Tensor, coefficients: Tensor, counts: tuple[int, ...], eps: float) -> SiteAlgebra | None:
    """The one with the fewest operations; ``None`` if none suits."""
    pixels = x.shape[2] * x.shape[3]
    if not kernels_suit(x):
        return None
    if Fused.suits(x, coefficients):
        return Fused(counts, pixels, eps)
    return EqualRows(counts, pixels, eps) if len(set(counts)) == 1 else None


class _MixedSite(torch.autograd.Function):
    """Kernels over the activations, with the algebra between them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, coefficients: Tensor, algebra: SiteAlgebra) -> Any:
        x = x.contiguous(memory_format=layout(x))
        mean, var, start = started(x)
        found = algebra.forward(mean, var, coefficients)
        out = affine_into(*start, found.scale, found.offset)
        ctx.save_for_backward(x, mean, found.scale, *found.kept)
        ctx.algebra = algebra
        ctx.mark_non_differentiable(*found.statistics)
        ctx.set_materialize_grads(False)  # zeros for the statistics would be made at every site
        return out, *found.statistics

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None
        x, mean, scale, *kept = ctx.saved_tensors
        grad = grad.contiguous(memory_format=layout(x))
        products, sums = affine_sums(grad, x, mean)
        d_coefficients, slope, level = ctx.algebra.backward(products, sums, mean, tuple(kept))
        if not ctx.needs_input_grad[0]:
            return None, d_coefficients, None
        d_x = affine_into(torch.empty_like(x), x, mean, slope, level)
        d_x.addcmul_(grad, scale.to(x.dtype)[:, :, None, None])
        return d_x, d_coefficients, None
