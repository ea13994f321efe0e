"""Closed formulas behind the CGRNet and HHRG golden files (README-iv-reid-cgrnet.md beside this file)."""

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
SEED = 11


@lru_cache(maxsize=8)
def golden(name: str) -> dict[str, np.ndarray]:
    """Arrays of one file; its fill seed and check values are those of the formula here."""
    with np.load(FOLDER / f"{name}.npz") as file:
        data = dict(file)
    assert int(data["fill_seed"]) == SEED
    assert np.array_equal(data["fill_check"], uniform("check.weight", (3, 4)).numpy())
    return data


def uniform(name: str, shape: Sequence[int], scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """U(name, shape; scale, shift): float64 numbers around ``shift``, a 64-bit hash of name and index."""
    z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = z + np.uint64(((zlib.crc32(name.encode()) << 32) + SEED) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    u = torch.from_numpy((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)
    return (shift + scale * (2 * u - 1)).reshape(tuple(shape))


def entry(name: str, shape: Sequence[int]) -> Tensor:
    """Value of one state entry by its published name."""
    kind = name.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros(tuple(shape), dtype=torch.int64)
    if kind == "gamma":
        return uniform(name, shape, 0.1, 0.3)
    if kind == "running_var":
        return uniform(name, shape, 0.2, 1.0)
    if len(shape) > 1:
        return uniform(name, shape, math.sqrt(3 / math.prod(shape[1:])))
    return uniform(name, shape, 0.1, 1.0 if kind == "weight" else 0.0)


def fill(module: nn.Module, prefix: str) -> nn.Module:
    """``module`` in float64 with every entry by the formula; its own names are the published ones behind ``prefix``."""
    module.double()
    module.load_state_dict({name: entry(prefix + name, value.shape) for name, value in module.state_dict().items()})
    return module


def image_batch(tag: str, shape: Sequence[int]) -> Tensor:
    """``(n, 3, h, w)`` images with an offset per channel."""
    return uniform(f"{tag}.images", shape, 2.0) + uniform(f"{tag}.offset", (*shape[:2], 1, 1))


def checksums(tensor: Tensor) -> Tensor:
    """Sum and L2 norm."""
    return torch.stack([tensor.detach().sum(), tensor.detach().norm()])


def close(ours: Tensor, theirs: np.ndarray, tolerance: float = 1e-9) -> None:
    """Assert that the largest difference is at most ``tolerance`` of the largest value, or of 1 where that is larger."""
    expected = torch.from_numpy(np.array(theirs))
    assert ours.shape == expected.shape, (ours.shape, expected.shape)
    error = float((ours.detach() - expected).abs().max()) / max(float(expected.abs().max()), 1.0)
    assert error <= tolerance, error
