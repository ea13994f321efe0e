"""Random streams, one per purpose. So a person never shares a stream with a camera or an image."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]  # float32 wherever there are pixels
Rows = NDArray[np.bool_]


class Purpose(IntEnum):
    """Purpose of a stream of random numbers."""

    PEOPLE = 1
    MATERIALS = 2
    CAMERA = 3
    SCENE = 4
    POSE = 5
    EXPOSURE = 6
    OCCLUDER = 7
    AMBIENT = 8
    NOISE = 9
    CROP = 10
    SPLIT = 11
    WORLD = 12


def stream(seed: int, purpose: Purpose, *parts: int) -> np.random.Generator:
    """A NumPy generator that depends on all arguments and on nothing else.

    Args:
        seed: seed of the dataset, 0 to 2**32 - 1.
        purpose: purpose of the stream; streams of different purposes are independent.
        parts: e.g. camera and block number, each 0 to 2**32 - 1; a purpose always takes the same number of them.
    """
    return np.random.default_rng([seed, int(purpose), *parts])


def uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Floats:
    """``shape`` float32 values in [low, high)."""
    return (low + (high - low) * rng.random(shape, dtype=np.float32)).astype(np.float32)


def normal(rng: np.random.Generator, sd: float, *shape: int) -> Floats:
    """``shape`` float32 values of mean 0 and standard deviation ``sd``, cut at 2.5 sd, so that no image is extreme."""
    return (sd * np.clip(rng.standard_normal(shape, dtype=np.float32), -2.5, 2.5)).astype(np.float32)
