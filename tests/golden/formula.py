"""Closed formulas behind the CM-NAS, AGW and CAJ golden files: inputs, weights and checksums (README-cm-nas-agw.md beside this file).

Every value is float64. ``S`` is the scalar of that name in each ``.npz``; read it from the file, other sets use another one.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
NECKS = ("bnneck", "bottleneck")


def uniform(name: str, n: int, S: int) -> Tensor:
    """U(name, 0..n-1): ``(n,)`` numbers in [0, 1) by SplitMix64 with the name's crc32 in the upper half of the counter."""
    start = (zlib.crc32(name.encode()) << 32) + int(S) * GOLDEN_GAMMA + GOLDEN_GAMMA
    z = np.arange(n, dtype=np.uint64) + np.uint64(start % 2**64)  # arrays of uint64 wrap without a warning
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return torch.from_numpy((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def values(name: str, shape: Sequence[int], S: int) -> Tensor:
    """V(name, shape): numbers in [-1, 1) in row-major order."""
    return (2.0 * uniform(name, math.prod(shape), S) - 1.0).reshape(tuple(shape))


def fill_entry(name: str, shape: Sequence[int], S: int, gamma: float = 1.0) -> Tensor:
    """Value of one state entry, by its canonical name.

    Raises:
        ValueError: the README gives no formula for such an entry.
    """
    owner, _, kind = name.rpartition(".")
    neck = owner.split(".")[-1] in NECKS
    if kind == "num_batches_tracked":
        return torch.zeros(tuple(shape), dtype=torch.int64)
    v = values(name, shape, S)
    if kind == "weight" and len(shape) == 4:
        return v * math.sqrt(6.0 / math.prod(shape[1:]))
    if kind == "weight" and len(shape) == 2:
        return v * math.sqrt(3.0 / shape[1])
    if kind == "weight" and len(shape) == 1:
        return (1.0 if neck else gamma) * (1.0 + 0.2 * v)
    if kind == "bias":
        return torch.zeros_like(v) if neck else 0.1 * v
    if kind == "running_mean":
        return 0.1 * v
    if kind == "running_var":
        return 1.0 + 0.5 * v
    raise ValueError(f"The README has no formula for the entry {name!r} of shape {tuple(shape)}.")


def fill_state(shapes: Mapping[str, Sequence[int]], S: int, gamma: float = 1.0) -> dict[str, Tensor]:
    """State dict for ``{canonical name: shape}``; ``gamma`` is the file's ``gamma_scale`` (1 if absent)."""
    return {name: fill_entry(name, shape, S, gamma) for name, shape in shapes.items()}


def parse_shapes(names: Sequence[str], shapes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """``state_names`` and ``state_shapes`` (``AxBxC``, empty for a scalar) of a file as ``{name: shape}``."""
    return {str(n): tuple(int(d) for d in str(s).split("x") if d) for n, s in zip(names, shapes, strict=True)}


def images(tag: str, pids: Sequence[int], shift: float, S: int, size: Sequence[int] = (3, 64, 32)) -> Tensor:
    """``(N, *size)`` images of the identities ``pids``; ``shift`` is +0.3 for visible, -0.3 for infrared."""
    identity = torch.stack([values(f"id/{int(pid)}", size, S) for pid in pids])
    return 1.2 * identity + 0.8 * values(f"img/{tag}", (len(pids), *size), S) + shift


def checksum(tensor: Tensor) -> Tensor:
    """``(3,)``: sum, sum of absolute values, sum weighted by cos(k) with k the flat index from 0."""
    a = tensor.detach().reshape(-1).to(torch.float64)
    cosine = torch.cos(torch.arange(a.numel(), dtype=torch.float64))
    return torch.stack([a.sum(), a.abs().sum(), (a * cosine).sum()])


def rowstats(tensor: Tensor) -> Tensor:
    """``(N, 3)``: row sum, row sum of absolute values, row L2 norm."""
    return torch.stack([tensor.sum(1), tensor.abs().sum(1), tensor.norm(dim=1)], dim=1)
