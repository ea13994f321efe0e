"""A site whose modalities have equally many rows: the same mixture as :mod:`vireid.nn.norm.mixture` in few operations.

Batches of P x K sampling are of this kind. The modalities are then one more dimension, and no loop over them is left. Each operation is a
kernel that a GPU has to start, so their number counts there, whatever the batch. The backward pass is written by hand.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vireid.nn.norm.moments import Moments, affine_into, affine_sums, layout, row_moments_by_kernel


def equal_rows(x: Tensor, coefficients: Tensor, groups: int, eps: float) -> tuple[Tensor, Moments]:
    """Mixture of normalisations of a batch, and its statistics.

    Args:
        x: ``(G * b, C, H, W)``, the rows of one modality after those of the other.
        coefficients: ``(3, G, C)`` or ``(4, G, C)``: the offset, and the weights of what is divided by the deviation of the batch, of the
            rows of a modality, and of each row alone where there are four.
        groups: G, 1 or 2.
        eps: added to variances.
    """
    out, mean, var, *whole = _EqualRows.apply(x, coefficients, groups, eps)
    counts = (x.shape[0] // groups * x.shape[2] * x.shape[3],) * groups
    return out, Moments(mean, var, counts, (whole[0], whole[1]))


class _EqualRows(torch.autograd.Function):
    """In the names, ``row``, ``group`` and ``all`` say whose statistics they are; what begins with ``i_`` is an inverse deviation.

    The map of a row is ``(x - row_mean) * scale + offset``. The derivative of ``var ** -0.5`` has the factor -1/2, and that of a mean of
    squares has the factor 2. Both are left out before the end, where their product is -1 over the number of values.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, coefficients: Tensor, groups: int, eps: float) -> Any:
        x = x.contiguous(memory_format=layout(x))
        rows, channels = x.shape[:2]
        flat_mean, flat_var = row_moments_by_kernel(x)
        row_mean, row_var = flat_mean.view(groups, -1, channels), flat_var.view(groups, -1, channels)
        between, group_mean = torch.var_mean(row_mean, 1, correction=0)
        group_var = row_var.mean(1).add_(between)
        between, all_mean = torch.var_mean(group_mean, 0, correction=0)
        all_var = group_var.mean(0).add_(between)
        with_rows = len(coefficients) == 4
        variances = torch.cat((all_var[None], group_var, *([flat_var] if with_rows else [])))
        inverse = variances.add_(eps).rsqrt_()
        offset, weight_all, weight_group = coefficients[:3]
        by_all, by_group = weight_all * inverse[0], weight_group * inverse[1 : 1 + groups]
        common = by_all + by_group
        offset = torch.addcmul(offset, by_all, all_mean, value=-1).addcmul_(by_group, group_mean, value=-1)
        offset = torch.addcmul(offset[:, None], row_mean, common[:, None])
        if with_rows:
            by_row = coefficients[3][:, None] * inverse[1 + groups :].view_as(row_mean)
            scale = by_row + common[:, None]
        else:
            by_row = None
            scale = common[:, None].expand_as(row_mean).contiguous()
        scale = scale.view(rows, channels)
        out = torch.empty_like(x)
        affine_into(out, x, flat_mean, scale, offset.view(rows, channels))
        ctx.save_for_backward(x, flat_mean, group_mean, all_mean, inverse, by_all, by_group, by_row, scale)
        statistics = (group_mean, group_var, all_mean, all_var)
        ctx.mark_non_differentiable(*statistics)
        ctx.set_materialize_grads(False)  # zeros for the statistics would be made at every site
        return out, *statistics

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None
        x, flat_mean, group_mean, all_mean, inverse, by_all, by_group, by_row, scale = ctx.saved_tensors
        grad = grad.contiguous(memory_format=layout(x))
        groups, channels = group_mean.shape
        row_mean = flat_mean.view(groups, -1, channels)
        i_all, i_group = inverse[0], inverse[1 : 1 + groups]
        products, sums = (found.view_as(row_mean) for found in affine_sums(grad, x, flat_mean))  # of grad * (x - row_mean), of grad
        slope, level = torch.addcmul(products, row_mean, sums).sum(1), sums.sum(1)  # of grad * x, of grad, over the rows of a modality
        d_all, d_group = torch.addcmul(slope, level, all_mean, value=-1), torch.addcmul(slope, level, group_mean, value=-1)
        parts = [level, d_all * i_all, d_group * i_group]
        if by_row is not None:
            i_row = inverse[1 + groups :].view_as(row_mean)
            standardised = products * i_row
            parts.append(standardised.sum(1))
        d_coefficients = torch.stack(parts)
        if not ctx.needs_input_grad[0]:
            return None, d_coefficients, None, None
        d_all_var = (by_all * d_all).sum(0).mul_(i_all).mul_(i_all)
        d_group_var = (by_group * d_group).mul_(i_group).mul_(i_group).add_(d_all_var, alpha=1 / groups)
        d_mean = torch.addcmul((by_all * level).sum(0), group_mean - all_mean, d_all_var).mul_(1 / groups)
        d_mean = d_mean.addcmul_(by_group, level)
        per_group, pixels = row_mean.shape[1], x.shape[2] * x.shape[3]
        d_level = torch.addcmul(d_mean[:, None], row_mean - group_mean[:, None], d_group_var[:, None])
        if by_row is not None:
            d_level = torch.addcmul(d_level.mul_(1 / per_group), by_row, sums)
            d_slope = torch.add(standardised.mul_(by_row).mul_(i_row), d_group_var[:, None], alpha=1 / per_group).mul_(-1 / pixels)
        else:
            d_level = d_level.mul_(1 / per_group)
            d_slope = (d_group_var * (-1 / (per_group * pixels)))[:, None].expand_as(row_mean).contiguous()
        d_level = d_level.mul_(-1 / pixels)
        d_x = torch.empty_like(x)
        affine_into(d_x, x, flat_mean, d_slope.view_as(flat_mean), d_level.view_as(flat_mean))
        d_x.addcmul_(grad, scale.to(x.dtype)[:, :, None, None])
        return d_x, d_coefficients, None, None
