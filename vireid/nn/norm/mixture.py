"""A weighted mixture of normalisations as one multiply-add over the activations.

Every normalisation is, for a fixed batch, an affine map of each row and channel, and a mixture of affine maps is one affine
map. Whatever the candidates, only the statistics differ, and there are three kinds of them: those of the batch, of a
modality and of a row. So a mixture is given by one mixed weight per kind of statistics and one mixed offset, all ``(G, C)``;
a training step costs two passes over the activations forward and three backward, and saves nothing of their size but its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vireid.nn.norm.constants import constant
from vireid.nn.norm.moments import (
    Moments,
    affine_into,
    affine_sums,
    group_moments,
    kernels_suit,
    layout,
    row_moments,
    started,
    wide,
)

_ROW = 3  # place of `row` among the fields of Mixed

# moments of the rows here -> moments of the rows of all processes, and the sum over processes of a gradient of them
Gather = Callable[[Moments], Moments]
Reduce = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Mixed:
    """A mixture of normalisations, before any batch is seen. ``None`` stands for zeros.

    Attributes:
        offset: ``(G, C)`` sum of weighted offsets.
        pooled, modality, row: ``(G, C)`` sums of the weights of what is divided by the deviation of the batch, of the rows of
            a modality, of each row alone.
        fixed: ``(G, C)`` factor of the raw input: what running statistics normalise.
    """

    offset: Tensor
    pooled: Tensor | None = None
    modality: Tensor | None = None
    row: Tensor | None = None
    fixed: Tensor | None = None

    @property
    def needs_moments(self) -> bool:
        """Whether anything depends on the batch."""
        return not (self.pooled is None and self.modality is None and self.row is None)


@dataclass(frozen=True)
class Synchronised:
    """How processes share the statistics of their batches."""

    gather: Gather
    reduce: Reduce


def norm_mixture(
    x: Tensor, parts: Sequence[slice], mixed: Mixed, eps: float, synchronised: Synchronised | None = None
) -> tuple[Tensor, Moments | None]:
    """Mixture of normalisations of a batch, and the moments of its modalities where it needs them.

    Args:
        x: ``(B, C, H, W)``.
        parts: rows of the G modalities; together all rows, in order.
        mixed: see :class:`Mixed`.
        eps: added to variances.
        synchronised: batch and modality statistics are those of all processes.

    Reference:
        The collapsed form: sum of p_k s_k times x plus sum of p_k t_k, exact for any candidates.
    """
    if not mixed.needs_moments:
        assert mixed.fixed is not None
        return torch.addcmul(_maps(mixed.offset, parts), x.to(wide(x)), _maps(mixed.fixed, parts)).to(x.dtype), None
    if synchronised is None and (torch.compiler.is_compiling() or not kernels_suit(x)):
        return _expression(x, parts, mixed, eps)
    out, mean, var, counts = _NormMixture.apply(
        x, tuple(parts), eps, synchronised, mixed.offset, mixed.pooled, mixed.modality, mixed.row, mixed.fixed
    )
    return out, Moments(mean, var, tuple(counts))


def _expression(x: Tensor, parts: Sequence[slice], mixed: Mixed, eps: float) -> tuple[Tensor, Moments]:
    """As an ordinary expression: for compilers, which fuse it, and where the kernels are slow."""
    mean, var = row_moments(x)
    moments = group_moments(mean, var, parts, x.shape[2] * x.shape[3])
    scale, offset = _group_map(moments, moments.mean, eps, mixed)
    scale, offset, centre = (_rows(values, parts) for values in (scale, offset, moments.mean))
    if mixed.row is not None:
        own = _rows(mixed.row, parts) * torch.rsqrt(var + eps)
        scale, offset = scale + own, offset + (centre - mean) * own
    shifted = x.to(wide(x)) - centre[:, :, None, None]
    return torch.addcmul(offset[:, :, None, None], shifted, scale[:, :, None, None]).to(x.dtype), moments


def _group_map(moments: Moments, centre: Tensor, eps: float, mixed: Mixed) -> tuple[Tensor, Tensor]:
    """``(G, C)`` scale and offset of ``(x - centre) * scale + offset``: everything but the statistics of single rows."""
    scale, offset = torch.zeros_like(centre), mixed.offset
    if mixed.pooled is not None:
        mean, var, _ = moments.pooled()
        part = mixed.pooled * torch.rsqrt(var + eps)
        scale, offset = scale + part, offset - part * (mean - centre)
    if mixed.modality is not None:
        part = mixed.modality * torch.rsqrt(moments.var + eps)
        scale, offset = scale + part, offset - part * (moments.mean - centre)
    if mixed.fixed is not None:
        scale, offset = scale + mixed.fixed, offset + mixed.fixed * centre
    return scale, offset


class _NormMixture(torch.autograd.Function):
    """Kernels over the activations; the algebra of ``(G, C)`` tensors is done again by autograd in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, parts: tuple[slice, ...], eps: float, synchronised: Synchronised | None, *small: Tensor | None) -> Any:
        x = x.contiguous(memory_format=layout(x))
        mixed = Mixed(*small)  # type: ignore[arg-type]  # the offset is a tensor
        mean, var, start = started(x)
        moments = group_moments(mean, var, parts, x.shape[2] * x.shape[3])
        if synchronised is not None:
            moments = synchronised.gather(moments)
        deviation = None if mixed.row is None else torch.rsqrt(var + eps)
        scale, offset = _group_map(moments, moments.mean, eps, mixed)
        scale, offset = _row_map(scale, offset, mean, deviation, moments.mean, mixed.row, parts)
        out = affine_into(*start, scale, offset)
        ctx.save_for_backward(x, mean, deviation, moments.mean, moments.var, *small)
        ctx.parts = parts
        ctx.eps = eps
        ctx.counts = moments.counts
        ctx.synchronised = synchronised
        ctx.mark_non_differentiable(moments.mean, moments.var)
        return out, moments.mean, moments.var, moments.counts

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, mean, deviation, group_mean, group_var, *small = ctx.saved_tensors
        parts, pixels = ctx.parts, x.shape[2] * x.shape[3]
        grad = grad.contiguous(memory_format=layout(x))
        group = Moments(group_mean.detach().requires_grad_(), group_var.detach().requires_grad_(), ctx.counts)
        leaves = [t if t is None else t.detach().requires_grad_() for t in small]
        mixed = Mixed(*leaves)  # type: ignore[arg-type]  # the offset is a tensor
        with torch.enable_grad():
            scale, offset = _group_map(group, group_mean, ctx.eps, mixed)
        d_scale, d_offset = affine_sums(grad, x, mean)  # of the map of every row, centred at its mean
        rows = mean - _rows(group_mean, parts)
        d_maps = (_sum_rows(d_scale + rows * d_offset, parts), _sum_rows(d_offset, parts))
        known = [leaf for leaf in leaves if leaf is not None]
        found = iter(_gradients((scale, offset), d_maps, [group.mean, group.var, *known]))
        d_mean, d_var = next(found), next(found)
        d_small = [None if leaf is None else next(found) for leaf in leaves]
        if mixed.row is not None:
            d_small[_ROW] = _sum_rows(d_scale * deviation, parts)
        d_small = [value if want else None for value, want in zip(d_small, ctx.needs_input_grad[4:], strict=True)]
        if ctx.synchronised is not None:
            d_mean, d_var = ctx.synchronised.reduce(d_mean), ctx.synchronised.reduce(d_var)
        if not ctx.needs_input_grad[0]:
            return None, None, None, None, *d_small
        counts = constant(tuple(ctx.counts), mean.dtype, x.device)[:, None]
        slope = _rows(2 * d_var / counts, parts)
        level = _rows(d_mean / counts, parts) + rows * slope
        row_scale = _row_map(scale, offset, mean, deviation, group_mean, mixed.row, parts)[0]
        if mixed.row is not None:
            own = _rows(mixed.row.detach(), parts) * deviation
            slope = slope - own * deviation.square() * d_scale / pixels
            level = level - own * d_offset / pixels
        d_x = affine_into(torch.empty_like(x), x, mean, slope, level)
        d_x.addcmul_(grad, row_scale.to(x.dtype)[:, :, None, None])
        return d_x, None, None, None, *d_small


def _gradients(values: Sequence[Tensor], gradients: Sequence[Tensor], wanted: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Gradients of all ``values`` that depend on anything; zeros for what none depends on."""
    pairs = [(value, gradient) for value, gradient in zip(values, gradients, strict=True) if value.requires_grad]
    found = torch.autograd.grad(
        [value for value, _ in pairs], wanted, [gradient for _, gradient in pairs], allow_unused=True, materialize_grads=True
    )
    return tuple(found)


def _row_map(
    scale: Tensor, offset: Tensor, mean: Tensor, deviation: Tensor | None, centre: Tensor, own: Tensor | None, parts: Sequence[slice]
) -> tuple[Tensor, Tensor]:
    """``(B, C)`` scale and offset of ``(x - mean) * scale + offset`` from the maps of the groups and what rows do alone."""
    scale, offset, centre = (_rows(values.detach(), parts) for values in (scale, offset, centre))
    offset = torch.addcmul(offset, mean - centre, scale)
    if own is not None and deviation is not None:
        scale = torch.addcmul(scale, _rows(own.detach(), parts), deviation)
    return scale, offset


def _rows(values: Tensor, parts: Sequence[slice]) -> Tensor:
    """``(G, C)`` to ``(B, C)``."""
    return torch.cat([values[group].expand(part.stop - part.start, -1) for group, part in enumerate(parts)])


def _maps(values: Tensor, parts: Sequence[slice]) -> Tensor:
    """``(G, C)`` to ``(B, C, 1, 1)``."""
    return _rows(values, parts)[:, :, None, None]


def _sum_rows(values: Tensor, parts: Sequence[slice]) -> Tensor:
    """``(B, C)`` to ``(G, C)``."""
    return torch.stack([values[part].sum(0) for part in parts])
