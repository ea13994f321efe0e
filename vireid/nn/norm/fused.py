"""The algebra of a norm site by one kernel each way, where there is a compiler for such kernels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar

import torch
from torch import Tensor

from vireid.nn.norm.equal_rows import EqualRows
from vireid.nn.norm.moments import wide
from vireid.nn.norm.site_algebra import Kept, SiteAlgebra, SiteMap
from vireid.printable import printable

_TILE = 2048  # numbers that a program of four warps keeps of each tensor


@dataclass(frozen=True)
class Fused(SiteAlgebra):
    """By Triton, for any numbers of rows. A site then starts 7 operations in a step, and not 50.

    Before a device is used, both kernels run there on a few numbers. A device on which they do not compile, or do not give what
    :class:`EqualRows` gives, is left to single operations, with one warning. So are processes that share statistics, whose exchange
    stands in the middle of the algebra, and maps that are channels-last.

    Attributes:
        devices: kinds of devices that run the kernels. An empty set leaves all devices to single operations.
    """

    devices: ClassVar[frozenset[str]] = frozenset({"cuda"})

    @classmethod
    def suits(cls, x: Tensor, coefficients: Tensor) -> bool:
        """Whether the kernels run where ``x`` is, on statistics of its dtype."""
        return x.device.type in cls.devices and coefficients.dtype == wide(x) and _works(x.device, coefficients.dtype)

    def forward(self, mean: Tensor, var: Tensor, coefficients: Tensor) -> SiteMap:
        from vireid.nn.norm.fused_kernels import forward

        coefficients = coefficients if coefficients.stride(2) == 1 else coefficients.contiguous()
        statistics = mean.new_empty(2, 1 + len(self.counts), mean.shape[1])
        scale, offset = torch.empty_like(mean), torch.empty_like(mean)
        self._launch(forward, (mean, var, coefficients, statistics, scale, offset), self.counts[0])
        found = (statistics[0, 1:], statistics[1, 1:], statistics[0, 0], statistics[1, 0])
        return SiteMap(scale, offset, found, (var, coefficients, statistics))

    def backward(self, products: Tensor, sums: Tensor, mean: Tensor, kept: Kept) -> tuple[Tensor, Tensor, Tensor]:
        from vireid.nn.norm.fused_kernels import backward

        var, coefficients, statistics = kept
        d_coefficients = mean.new_empty(coefficients.shape)
        slope, level = torch.empty_like(mean), torch.empty_like(mean)
        tensors = (mean, var, coefficients, statistics, products, sums, d_coefficients, slope, level)
        self._launch(backward, tensors, self.counts[0], self.pixels)
        return d_coefficients, slope, level

    def _launch(self, kernel: Any, tensors: Sequence[Tensor], *numbers: int) -> None:
        """Start a kernel: one program for every few channels."""
        coefficients = tensors[2]
        groups, channels = coefficients.shape[1:]
        rows = _power(max(self.counts))
        width = min(_power(channels), max(1, _TILE // (groups * rows)))
        sizes = (sum(self.counts), *numbers, channels, coefficients.stride(0), coefficients.stride(1))
        fixed = {"EPS": self.eps, "WITH_ROWS": len(coefficients) == 4, "GROUPS": groups, "ROWS": rows, "CHANNELS": width}
        with torch.cuda.device_of(coefficients):  # type: ignore[no-untyped-call]
            kernel[(-(-channels // width),)](*tensors, *sizes, **fixed)


def _power(count: int) -> int:
    """The smallest power of 2 that is not less."""
    return 1 << (count - 1).bit_length()


@lru_cache
def _works(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernels compile and are right there; the first question waits for the device."""
    try:
        right = _is_right(device, dtype)
        reason = "they give other results than operations of PyTorch"
    except Exception as error:  # of an import, of a compiler that is not there, of a driver: Triton has no class for them
        right, reason = False, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if not right:
        warnings.warn(f"Norm sites run as single operations on {device}, not as fused kernels: {printable(reason)}", stacklevel=2)
    return right


def _is_right(device: torch.device, dtype: torch.dtype) -> bool:
    """Compare both kernels on a few numbers with :class:`EqualRows`."""
    import_module("triton")  # where there is none, its error says so
    numbers = torch.linspace(0, 40, 144, dtype=dtype, device=device).sin()
    mean, products, sums, var = numbers[:96].view(4, 4, 6).unbind()
    coefficients, found = numbers[96:].view(4, 2, 6), []
    for kind in (EqualRows, Fused):
        algebra = kind(counts=(2, 2), pixels=3, eps=1e-5)
        made = algebra.forward(mean, var.abs() + 0.5, coefficients)
        gradients = algebra.backward(products, sums, mean, made.kept)
        found.append([made.scale, made.offset, *made.statistics, *gradients])
    return all(torch.allclose(one, other, rtol=1e-3, atol=1e-3) for one, other in zip(*found, strict=True))
