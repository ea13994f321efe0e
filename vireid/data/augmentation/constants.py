"""Fixed numbers as tensors on the device of the images."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

Numbers = tuple[float, ...] | tuple[tuple[int, ...], ...]


def constant(values: Numbers, images: Tensor) -> Tensor:
    """``values`` in the dtype of ``images`` and on their device. Made once, because a copy to a GPU in every batch would wait.

    Do not change the tensor in place.
    """
    return _made(values, images.dtype, images.device)


@cache
def _made(values: Numbers, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # a tensor of an evaluation could not take part in a training
        return torch.tensor(values, dtype=dtype, device=device)
