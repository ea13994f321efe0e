"""Small constants that every step needs on the device."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


def constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """``torch.tensor(values)``, copied to the device only once; not to be changed in place.

    Args:
        values: numbers, or tuples of them to any depth.
        dtype: of the result.
        device: of the result.

    Example:
        >>> constant(((1, 2), (3, 4)), torch.float32, torch.device("cpu")).sum()
        tensor(10.)
    """
    return _made(values, dtype, device) if torch.compiler.is_compiling() else _kept(values, dtype, device)  # one graph holds it anyway


def _made(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)


@lru_cache(maxsize=256)
def _kept(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # training uses it too
        return _made(values, dtype, device)


@lru_cache(maxsize=256)
def ones(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """``torch.ones``, made only once; not to be changed in place."""
    with torch.inference_mode(False):
        return torch.ones(shape, dtype=dtype, device=device)
