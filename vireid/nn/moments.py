"""Means and variances of the modalities of a batch, and the multiply-add they lead to, by PyTorch's own batch-norm kernels.

``torch.var_mean`` over (N, H, W) costs several batch normalisations on a CPU; the kernel behind ``torch.nn.BatchNorm2d``
does the same reduction in a fraction of the time, is numerically safe and keeps float32 statistics of half-precision inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vireid.nn.batch_norm import check_count

_affine = torch.ops.aten.native_batch_norm.out
_sums = torch.ops.aten.native_batch_norm_backward.default


@dataclass(frozen=True)
class Moments:
    """Statistics of the modalities that have rows in a batch.

    Attributes:
        mean, var: ``(G, C)`` mean and *biased* variance of each of the G = 1 or 2 modalities.
        counts: values per channel (rows x H x W) behind each.
    """

    mean: Tensor
    var: Tensor
    counts: tuple[int, ...]

    def pooled(self) -> tuple[Tensor, Tensor, int]:
        """``(C,)`` mean and biased variance of all rows together, by the law of total variance, and their count."""
        mean, var, count = self.mean[0], self.var[0], self.counts[0]
        for group in range(1, len(self.counts)):
            total = count + self.counts[group]
            share = self.counts[group] / total
            gap = self.mean[group] - mean
            var = (1 - share) * var + share * self.var[group] + (share * (1 - share)) * gap.square()
            mean, count = mean + share * gap, total
        return mean, var, count


def layout(x: Tensor) -> torch.memory_format:
    """Memory format in which ``(B, C, H, W)`` is normalised. The kernels' ``out`` variants are wrong for any other strides."""
    return torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format


def wide(x: Tensor) -> torch.dtype:
    """Dtype of statistics: float32 or better."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def part_counts(x: Tensor, parts: Sequence[slice]) -> tuple[int, ...]:
    """Values per channel in each part of the rows.

    Raises:
        ValueError: a part has a single value.
    """
    counts = tuple((part.stop - part.start) * x.shape[2] * x.shape[3] for part in parts)
    for count in counts:
        check_count(count)
    return counts


def part_moments(x: Tensor, parts: Sequence[slice]) -> Moments:
    """Moments of each part of the rows as a differentiable expression (for compilers and as the reference of the kernels)."""
    counts = part_counts(x, parts)
    pairs = [torch.var_mean(x[part].to(wide(x)), (0, 2, 3), correction=0) for part in parts]
    return Moments(torch.stack([mean for _, mean in pairs]), torch.stack([var for var, _ in pairs]), counts)


def kernel_moments(x: Tensor, parts: Sequence[slice]) -> Moments:
    """The same by the batch-norm kernel; not differentiable."""
    counts = part_counts(x, parts)
    unused = x.new_zeros(2, x.shape[1], dtype=wide(x))  # running statistics; they also fix the dtype of the result
    pairs = [torch.batch_norm_update_stats(x[part], unused[0], unused[1], 0.0) for part in parts]
    return Moments(torch.stack([mean for mean, _ in pairs]), torch.stack([var for _, var in pairs]), counts)


def affine_into(out: Tensor, x: Tensor, centre: Tensor, scale: Tensor, offset: Tensor) -> None:
    """``out = (x - centre) * scale + offset`` in one pass.

    Args:
        out, x: ``(N, C, H, W)``.
        centre, scale, offset: ``(C,)``, float32 or better.
    """
    one, unused = torch.ones_like(centre), [torch.empty_like(centre) for _ in range(2)]
    _affine(x, scale, offset, centre, one, False, 0.0, 0.0, out=out, save_mean=unused[0], save_invstd=unused[1])


def affine_sums(grad: Tensor, x: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """``(C,)`` sums of ``grad * (x - centre)`` and of ``grad`` over (N, H, W), in one pass."""
    one = torch.ones_like(centre)
    _, product, plain = _sums(grad, x, one, None, None, centre, one, True, 0.0, [False, True, True])
    return product, plain
