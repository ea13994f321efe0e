"""Closed formulas behind the CNet and CDNet golden files (README-cdnet.md beside this file)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

FOLDER = Path(__file__).parent


@lru_cache(maxsize=8)
def golden(name: str) -> dict[str, np.ndarray]:
    """Arrays of ``cdnet_<name>.npz``."""
    with np.load(FOLDER / f"cdnet_{name}.npz") as file:
        return dict(file)


def uniform(name: str, count: int, seed: int) -> Tensor:
    """``(count,)`` float64 numbers in [-1, 1), a 32-bit hash of name, index and seed."""
    start = (zlib.crc32(name.encode()) + seed * 0x85EBCA6B) % 2**32
    x = np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(start)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return torch.from_numpy(x.astype(np.float64) / 2.0**31 - 1.0)


def entry(name: str, shape: Sequence[int], seed: int) -> Tensor:
    """Value of one state entry by its published name."""
    kind = name.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros(tuple(shape), dtype=torch.int64)
    u = uniform(name, math.prod(shape), seed).reshape(tuple(shape))
    if len(shape) > 1:
        return u * math.sqrt(6.0 / math.prod(shape[1:]))
    if kind in ("running_mean", "bias"):
        return 0.1 * u
    return 1.0 + (0.5 if kind == "running_var" else 0.25) * u


def fill(module: nn.Module, prefix: str, seed: int) -> nn.Module:
    """``module`` in float64 with every entry by the formula; its own names are the published ones behind ``prefix``."""
    module.double()
    module.load_state_dict({name: entry(prefix + name, value.shape, seed) for name, value in module.state_dict().items()})
    return module


def tensor(array: np.ndarray) -> Tensor:
    """Float64 or int64 tensor with a copy of a golden array."""
    return torch.from_numpy(np.array(array)).to(torch.float64 if array.dtype.kind == "f" else torch.int64)


def error(ours: Tensor, theirs: np.ndarray) -> float:
    """Largest difference relative to the largest magnitude of the golden array."""
    expected = tensor(theirs)
    assert ours.shape == expected.shape, (ours.shape, expected.shape)
    return float((ours.detach().double() - expected).abs().max() / expected.abs().max().clamp_min(1e-300))
