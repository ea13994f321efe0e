"""Batch normalisation with statistics and affine parameters per modality, without splitting copies."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vireid.nn.norm.batch_norm import check_count, check_rows, count_batch, updates_statistics, uses_batch_statistics
from vireid.nn.norm.moments import layout, wide

_forward = torch.ops.aten.native_batch_norm.out
_backward = torch.ops.aten.native_batch_norm_backward.default


class _Half(NamedTuple):
    """One modality's rows and how its layer normalises them now."""

    rows: slice
    training: bool
    momentum: float
    eps: float
    running: tuple[Tensor | None, Tensor | None]


class _SeparateBatchNorm(torch.autograd.Function):
    """Both halves by PyTorch's own kernel, each written straight into its rows of one output."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, halves: tuple[_Half, _Half], *affine: Tensor | None) -> Tensor:
        x = x.contiguous(memory_format=layout(x))
        out = torch.empty_like(x)
        statistics: list[Tensor | None] = []
        for half, weight, bias in zip(halves, affine[0::2], affine[1::2], strict=True):
            saved = [torch.empty(x.shape[1], dtype=wide(x), device=x.device) for _ in range(2)]  # mean and inverse deviation
            mode = (half.training, half.momentum, half.eps)
            _forward(x[half.rows], weight, bias, *half.running, *mode, out=out[half.rows], save_mean=saved[0], save_invstd=saved[1])
            statistics += saved if half.training else half.running
        ctx.save_for_backward(x, *affine[0::2], *statistics)
        ctx.modes = [(half.rows, half.training, half.eps) for half in halves]
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *rest = ctx.saved_tensors
        grad = grad.contiguous(memory_format=layout(x))
        grad_x: list[Tensor] = []
        grad_affine: list[Tensor | None] = []
        for index, (rows, training, eps) in enumerate(ctx.modes):
            weight, pair = rest[index], rest[2 + 2 * index : 4 + 2 * index]
            statistics = (None, None, *pair) if training else (*pair, None, None)
            wanted = [ctx.needs_input_grad[0], *ctx.needs_input_grad[2 + 2 * index : 4 + 2 * index]]
            part, *pairs = _backward(grad[rows], x[rows], weight, *statistics, training, eps, wanted)
            grad_x.append(part)
            grad_affine += [value if want else None for value, want in zip(pairs, wanted[1:], strict=True)]
        return (torch.cat(grad_x) if ctx.needs_input_grad[0] else None, None, *grad_affine)


class SeparateBatchNorm2d(nn.Module):
    """Two batch normalisations: the first ``n_visible`` rows go through ``visible``, the rest through ``infrared``.

    Equal to splitting the batch, two ``torch.nn.BatchNorm2d`` and concatenation, but the halves are written straight into
    one output. A modality without rows leaves its running statistics untouched. Under ``torch.compile`` and
    ``torch.export`` the plain expression is used, which the compiler fuses by itself.

    Args:
        num_features: channels C.
        eps, momentum: as in ``torch.nn.BatchNorm2d``.

    Attributes:
        n_visible: visible rows of the next batch, written by the network; ``None`` until then.

    Example:
        >>> norm = SeparateBatchNorm2d(4)
        >>> norm.n_visible = 2
        >>> norm(torch.rand(3, 4, 2, 2)).shape
        torch.Size([3, 4, 2, 2])

    Reference:
        Fu, Hu, Wu, Shi, Mei, He: CM-NAS, ICCV 2021 (separate decision of a site).
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1) -> None:
        super().__init__()
        self.visible = nn.BatchNorm2d(num_features, eps, momentum)
        self.infrared = nn.BatchNorm2d(num_features, eps, momentum)
        self.n_visible: int | None = None

    @classmethod
    def from_batch_norm(cls, bn: nn.BatchNorm2d) -> SeparateBatchNorm2d:
        """Both modalities start as copies of ``bn``: settings, parameters and running statistics."""
        with torch.device("meta"):
            layer = cls(bn.num_features, bn.eps, bn.momentum)
        layer.visible, layer.infrared = copy.deepcopy(bn), copy.deepcopy(bn)
        layer.training = bn.training
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``; same shape and memory format.

        Raises:
            SettingsError: ``n_visible`` is not set or exceeds B.
            ValueError: one value per channel in a training batch.
        """
        n = check_rows(x, self.n_visible, "SeparateBatchNorm2d")
        if n == x.shape[0]:
            return self.visible(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
        if n == 0:
            return self.infrared(x)  # type: ignore[no-any-return]
        if not self._kernel_applies(x):
            return torch.cat((self.visible(x[:n]), self.infrared(x[n:])))
        halves = (_half(self.visible, x, slice(0, n)), _half(self.infrared, x, slice(n, x.shape[0])))
        affine = (self.visible.weight, self.visible.bias, self.infrared.weight, self.infrared.bias)
        return _SeparateBatchNorm.apply(x, halves, *affine)  # type: ignore[no-any-return]

    def _kernel_applies(self, x: Tensor) -> bool:
        if torch.compiler.is_compiling():
            return False
        held = (self.visible.weight, self.infrared.weight, self.visible.running_mean, self.infrared.running_mean)
        return all(tensor is None or tensor.dtype == wide(x) for tensor in held)  # the dtype that the kernel saves statistics in


def _half(bn: nn.BatchNorm2d, x: Tensor, rows: slice) -> _Half:
    training = uses_batch_statistics(bn)
    if training:
        check_count((rows.stop - rows.start) * x.shape[2] * x.shape[3])
    seen = updates_statistics(bn) or not training
    running = (bn.running_mean, bn.running_var) if seen else (None, None)
    return _Half(rows, training, count_batch(bn), bn.eps, running)
