"""Closed formulas behind the OSNet-AIN and norm-mixture golden files (README-osnet-ain.md beside this file)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

SEED = 11  # of the set beside this file


def uniform(name: str, count: int, seed: int = SEED) -> Tensor:
    """``(count,)`` float64 numbers in (0, 1), a 32-bit hash of name, index and seed."""
    start = (zlib.crc32(name.encode()) + seed * 0x85EBCA6B) % 2**32
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(start)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return torch.from_numpy((h.astype(np.float64) + 0.5) / 2.0**32)


def entry(name: str, shape: Sequence[int], seed: int = SEED) -> Tensor:
    """Value of one state entry by its checkpoint-style name; a vector ``weight`` or ``bias`` is that of a norm."""
    u = uniform(name, math.prod(shape), seed).reshape(tuple(shape))
    kind = name.rpartition(".")[2]
    if kind == "weight":
        return math.sqrt(3.0 / math.prod(shape[1:])) * (2.0 * u - 1.0) if len(shape) > 1 else 0.5 + u
    return 0.5 + u if kind == "running_var" else 0.4 * u - 0.2
