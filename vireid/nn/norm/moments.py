"""Means and variances of rows, modalities and batches, and the multiply-add they lead to, by PyTorch's own batch-norm kernels.

``torch.var_mean`` costs several batch normalisations on a CPU. The kernel behind ``torch.nn.BatchNorm2d`` does the same
reduction in a fraction of the time, is numerically safe, and keeps float32 statistics of half-precision inputs. Rows become
its channels: a contiguous ``(B, C, H, W)`` is viewed as ``(1, B * C, H, W)``, a channels-last one is run row by row. A CPU is
faster still by a mean and the norm of what differs from it: these add vectors, and the kernel adds number by number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vireid.nn.norm.constants import ones

_affine = torch.ops.aten.native_batch_norm.out
_sums = torch.ops.aten.native_batch_norm_backward.default


@dataclass(frozen=True)
class Moments:
    """Statistics of the modalities that have rows in a batch.

    Attributes:
        mean, var: ``(G, C)`` mean and *biased* variance of each of the G = 1 or 2 modalities.
        counts: values per channel (rows x H x W) behind each.
        whole: ``(C,)`` mean and biased variance of all rows together, where they are known already.
    """

    mean: Tensor
    var: Tensor
    counts: tuple[int, ...]
    whole: tuple[Tensor, Tensor] | None = None

    def pooled(self) -> tuple[Tensor, Tensor, int]:
        """``(C,)`` mean and biased variance of all rows together, by the law of total variance, and their count."""
        if self.whole is not None:
            return *self.whole, sum(self.counts)
        mean = self.mean[0]
        var = self.var[0]
        count = self.counts[0]
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


def kernels_suit(x: Tensor) -> bool:
    """Whether the kernels of this file are the fast way: row by row is not on a GPU."""
    return x.device.type == "cpu" or layout(x) == torch.contiguous_format


def group_moments(mean: Tensor, var: Tensor, parts: Sequence[slice], pixels: int) -> Moments:
    """Moments of groups of rows from those of the rows, by the law of total variance.

    Args:
        mean, var: ``(B, C)`` of every row.
        parts: rows of the G groups.
        pixels: H x W.
    """
    centres = [mean[part].mean(0) for part in parts]
    variances = [mean_of_squares(var[part], mean[part] - centre, 0) for part, centre in zip(parts, centres, strict=True)]
    counts = tuple((part.stop - part.start) * pixels for part in parts)
    return Moments(torch.stack(centres), torch.stack(variances), counts)


def mean_of_squares(within: Tensor, between: Tensor, dim: int) -> Tensor:
    """Mean of ``within + between ** 2``: variances of parts and distances of their means. ``var_mean`` takes ten times as long on a CPU."""
    return torch.addcmul(within, between, between).mean(dim)


def row_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance ``(B, C)`` of every row, as a differentiable expression."""
    var, mean = torch.var_mean(x.to(wide(x)), (2, 3), correction=0)
    return mean, var


def row_moments_by_kernel(x: Tensor) -> tuple[Tensor, Tensor]:
    """The same by the batch-norm kernel; not differentiable. ``x`` must be in its :func:`layout`."""
    found = [_batch_moments(rows) for (rows,), _ in _blocks([x], [])]
    mean, var = (torch.cat(values) if len(values) > 1 else values[0] for values in zip(*found, strict=True))
    return mean.view(x.shape[:2]), var.view(x.shape[:2])


def started(x: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Mean and biased variance ``(B, C)`` of every row, and the first three arguments by which :func:`affine_into` makes an output.

    ``x`` must be in its :func:`layout`; nothing is differentiable.
    """
    if not adds_vectors(x):
        mean, var = row_moments_by_kernel(x)
        return mean, var, (torch.empty_like(x), x, mean)
    rough = x.flatten(2).mean(2)  # is wrong in its last digits, which matter where it is large
    centred = x - rough[:, :, None, None]
    flat = centred.flatten(2)
    rest = flat.mean(2)
    mean = rough + rest
    var = torch.addcmul(torch.linalg.vector_norm(flat, 2, 2).square_().div_(flat.shape[2]), rest, rest, value=-1).relu_()  # rounded
    return mean, var, (centred, centred, mean - rough)


def adds_vectors(x: Tensor) -> bool:
    """Whether rows are reduced faster by sums of vectors than by the batch-norm kernel."""
    return x.device.type == "cpu" and x.dtype == wide(x) and layout(x) == torch.contiguous_format


def _batch_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of every channel. The running statistics, which nobody wants, fix the dtype of the result."""
    running = None if x.dtype == wide(x) else x.new_zeros(x.shape[1], dtype=wide(x))
    return torch.batch_norm_update_stats(x, running, running, 0.0)


def affine_into(out: Tensor, x: Tensor, centre: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """``out = (x - centre) * scale + offset`` in one pass; returns ``out``.

    Args:
        out, x: ``(B, C, H, W)``, also the same tensor.
        centre, scale, offset: ``(B, C)``, float32 or better.
    """
    if layout(x) == torch.channels_last and x.dtype == centre.dtype:  # one call for all rows
        torch.addcmul((offset - centre * scale)[:, :, None, None], x, scale[:, :, None, None], out=out)
        return out
    one, unused = ones(tuple(centre.shape), centre.dtype, centre.device), [torch.empty_like(centre) for _ in range(2)]
    for (into, rows), (c, s, o, i, mean, invstd) in _blocks([out, x], [centre, scale, offset, one, *unused]):
        _affine(rows, s, o, c, i, False, 0.0, 0.0, out=into, save_mean=mean, save_invstd=invstd)
    return out


def affine_sums(grad: Tensor, x: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """``(B, C)`` sums of ``grad * (x - centre)`` and of ``grad`` over H x W, in one pass."""
    found = []
    for (g, rows), (c, one) in _blocks([grad, x], [centre, ones(tuple(centre.shape), centre.dtype, centre.device)]):
        found.append(_sums(g, rows, one, None, None, c, one, True, 0.0, [False, True, True])[1:])
    product, plain = (torch.cat(values) if len(values) > 1 else values[0] for values in zip(*found, strict=True))
    return product.view_as(centre), plain.view_as(centre)


def _blocks(maps: Sequence[Tensor], rows: Sequence[Tensor]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Maps ``(B, C, H, W)`` and their ``(B, C)`` values as batches with one value per channel."""
    if layout(maps[-1]) == torch.contiguous_format:
        yield [x.view(1, -1, *x.shape[2:]) for x in maps], [values.reshape(-1) for values in rows]
        return
    for b in range(len(maps[-1])):
        yield [x[b : b + 1] for x in maps], [values[b] for values in rows]
