"""The small algebra of a norm site whose modalities have equally many rows, in few operations.

Batches of P x K sampling are of this kind. The modalities are then one more dimension, and no loop over them is left. Each operation is a
kernel that a GPU has to start, so their number counts there, whatever the batch. The backward pass is written by hand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.nn.norm.moments import mean_of_squares
from vireid.nn.norm.site_algebra import Kept, SiteAlgebra, SiteMap


class EqualRows(SiteAlgebra):
    """By operations of PyTorch, on any device.

    In the names, ``row``, ``group`` and ``all`` say whose statistics they are; what begins with ``i_`` is an inverse deviation. The
    derivative of ``var ** -0.5`` has the factor -1/2, and that of a mean of squares has the factor 2. Both are left out before the end,
    where their product is -1 over the number of values.
    """

    def forward(self, mean: Tensor, var: Tensor, coefficients: Tensor) -> SiteMap:
        groups, channels = len(self.counts), mean.shape[1]
        row_mean, row_var = mean.view(groups, -1, channels), var.view(groups, -1, channels)
        group_mean = row_mean.mean(1)
        group_var = mean_of_squares(row_var, row_mean - group_mean[:, None], 1)
        all_mean = group_mean.mean(0)
        all_var = mean_of_squares(group_var, group_mean - all_mean, 0)
        with_rows = len(coefficients) == 4
        variances = torch.cat((all_var[None], group_var, *([var] if with_rows else [])))
        inverse = variances.add_(self.eps).rsqrt_()
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
        kept = (group_mean, all_mean, inverse, by_all, by_group, by_row)
        return SiteMap(scale.view_as(mean), offset.view_as(mean), (group_mean, group_var, all_mean, all_var), kept)

    def backward(self, products: Tensor, sums: Tensor, mean: Tensor, kept: Kept) -> tuple[Tensor, Tensor, Tensor]:
        group_mean, all_mean, inverse, by_all, by_group, by_row = kept
        groups, per_group, channels = len(self.counts), self.counts[0], mean.shape[1]
        row_mean = mean.view(groups, -1, channels)
        i_all, i_group = inverse[0], inverse[1 : 1 + groups]
        products, sums = products.view_as(row_mean), sums.view_as(row_mean)
        slope, level = torch.addcmul(products, row_mean, sums).sum(1), sums.sum(1)  # of grad * x, of grad, over the rows of a modality
        d_all, d_group = torch.addcmul(slope, level, all_mean, value=-1), torch.addcmul(slope, level, group_mean, value=-1)
        parts = [level, d_all * i_all, d_group * i_group]
        if by_row is not None:
            i_row = inverse[1 + groups :].view_as(row_mean)
            standardised = products * i_row
            parts.append(standardised.sum(1))
        d_coefficients = torch.stack(parts)
        d_all_var = (by_all * d_all).sum(0).mul_(i_all).mul_(i_all)
        d_group_var = (by_group * d_group).mul_(i_group).mul_(i_group).add_(d_all_var, alpha=1 / groups)
        d_mean = torch.addcmul((by_all * level).sum(0), group_mean - all_mean, d_all_var).mul_(1 / groups)
        d_mean = d_mean.addcmul_(by_group, level)
        d_level = torch.addcmul(d_mean[:, None], row_mean - group_mean[:, None], d_group_var[:, None])
        if by_row is not None:
            d_level = torch.addcmul(d_level.mul_(1 / per_group), by_row, sums)
            d_slope = torch.add(standardised.mul_(by_row).mul_(i_row), d_group_var[:, None], alpha=1 / per_group).mul_(-1 / self.pixels)
        else:
            d_level = d_level.mul_(1 / per_group)
            d_slope = (d_group_var * (-1 / (per_group * self.pixels)))[:, None].expand_as(row_mean).contiguous()
        return d_coefficients, d_slope.view_as(mean), d_level.mul_(-1 / self.pixels).view_as(mean)
