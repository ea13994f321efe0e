"""A weighted mixture of normalisations as one multiply-add over the activations.

Every candidate k is, for a fixed batch, an affine map of the rows of a modality; a mixture of affine maps is one affine
map. Its scale and offset are algebra on ``(G, C)`` tensors, so a training step costs two passes over the activations
forward and three backward, however many candidates there are, and saves nothing but its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vireid.nn.moments import Moments, affine_into, affine_sums, kernel_moments, layout, part_moments, wide

# moments of the batch, or None for running statistics only -> mean and variance (K, G, C) of every candidate
Statistics = Callable[[Moments | None], tuple[Tensor, Tensor]]


def collapse(weights: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, centre: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Scale and offset ``(G, C)`` of ``(x - centre) * scale + offset``, the mixture of K normalisations.

    Args:
        weights: ``(K,)`` mixture weights.
        gamma, beta, mean, var: ``(K, G, C)``.
        centre: ``(G, C)``; the mean of the rows keeps float32 safe for large means.
        eps: added to variances.
    """
    scales = gamma * torch.rsqrt(var + eps)
    p = weights.to(scales.dtype).view(-1, 1, 1)
    return (p * scales).sum(0), (p * (beta - scales * (mean - centre))).sum(0)


class _FusedMixture(torch.autograd.Function):
    """Moments, small algebra and multiply-add in one node; the algebra is differentiated by autograd on small tensors."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, parts: Sequence[slice], statistics: Statistics, eps: float, *small: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        x = x.contiguous(memory_format=layout(x))
        moments = kernel_moments(x, parts)
        leaves = [tensor.detach().requires_grad_() for tensor in (moments.mean, moments.var, *small)]
        with torch.enable_grad():
            mean, var = statistics(Moments(leaves[0], leaves[1], moments.counts))
            weights, gamma, beta = leaves[2:]
            scale, offset = collapse(weights, gamma, beta, mean, var, moments.mean, eps)
        out = torch.empty_like(x)
        for group, part in enumerate(parts):
            affine_into(out[part], x[part], moments.mean[group], scale[group].detach(), offset[group].detach())
        ctx.save_for_backward(x)
        ctx.small = (moments, leaves, scale, offset)
        ctx.parts = parts
        ctx.mark_non_differentiable(moments.mean, moments.var)
        return out, moments.mean, moments.var

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        moments, leaves, scale, offset = ctx.small
        grad = grad.contiguous(memory_format=layout(x))
        sums = [affine_sums(grad[part], x[part], moments.mean[group]) for group, part in enumerate(ctx.parts)]
        d_scale, d_offset = torch.stack([first for first, _ in sums]), torch.stack([second for _, second in sums])
        d_mean, d_var, *d_small = torch.autograd.grad(
            (scale, offset), leaves, (d_scale, d_offset), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        d_small = [value if want else None for value, want in zip(d_small, ctx.needs_input_grad[4:], strict=True)]
        if not ctx.needs_input_grad[0]:
            return None, None, None, None, *d_small
        d_x = torch.empty_like(x)
        for group, (part, count) in enumerate(zip(ctx.parts, moments.counts, strict=True)):
            affine_into(d_x[part], x[part], moments.mean[group], d_var[group] * (2 / count), d_mean[group] / count)
            d_x[part].addcmul_(grad[part], scale[group].detach().to(x.dtype).view(1, -1, 1, 1))
        return d_x, None, None, None, *d_small


def fused_mixture(
    x: Tensor, parts: Sequence[slice], statistics: Statistics, eps: float, weights: Tensor, gamma: Tensor, beta: Tensor
) -> tuple[Tensor, Moments]:
    """Mixture of K normalisations of a training batch, and the moments of its modalities.

    Args:
        x: ``(B, C, H, W)``.
        parts: rows of the G modalities; together all rows.
        statistics: see :data:`Statistics`.
        eps, weights, gamma, beta: see :func:`collapse`.

    Reference:
        The law of total variance gives the statistics of all rows from those of each modality.
    """
    out, mean, var = _FusedMixture.apply(x, tuple(parts), statistics, eps, weights, gamma, beta)
    return out, Moments(mean, var, tuple((part.stop - part.start) * x.shape[2] * x.shape[3] for part in parts))


def plain_mixture(
    x: Tensor, parts: Sequence[slice], statistics: Statistics, eps: float, batch: bool, weights: Tensor, gamma: Tensor, beta: Tensor
) -> tuple[Tensor, Moments | None]:
    """The same as an ordinary expression: for compilers, which fuse it, and for running statistics (``batch=False``)."""
    moments = part_moments(x, parts) if batch else None
    mean, var = statistics(moments)
    centre = mean.new_zeros(len(parts), x.shape[1]) if moments is None else moments.mean.detach()
    scale, offset = collapse(weights, gamma, beta, mean, var, centre, eps)
    shifted = x.to(wide(x)) if moments is None else x.to(wide(x)) - _per_row(centre, parts)
    return torch.addcmul(_per_row(offset, parts), shifted, _per_row(scale, parts)).to(x.dtype), moments


def _per_row(values: Tensor, parts: Sequence[slice]) -> Tensor:
    """``(G, C)`` to ``(B, C, 1, 1)``."""
    rows = [values[group].expand(part.stop - part.start, -1) for group, part in enumerate(parts)]
    return torch.cat(rows)[:, :, None, None]
