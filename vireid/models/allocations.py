"""A bound on the memory of networks that a file describes: a few bytes can name a network of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vireid.errors import VireidError

LARGEST = 1_500_000_000
"""Bytes of all tensors that a file of a few bytes may ask for. The largest network of torchvision below it is VGG-19."""
TIMES = 4  # of the bytes of a checkpoint: building makes copies
META = {"device": "meta"}
EACH = 16_000  # bytes that a tensor counts at least, because the module around it takes some too
FACTORIES = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.randperm, torch.arange}
    | {torch.linspace, torch.eye, torch.empty_strided}
)


class Bounded(TorchFunctionMode):
    """Inside, a tensor that would exceed the bound is refused before it takes memory. Tensors on the meta device take none.

    Where several are nested, the outermost counts: it knows the whole file.

    Args:
        error: class of the error.
        what: what asks for the memory, for the message.
        file_bytes: of the file that the network is of; 0 where a network is described, and not held.

    Example:
        >>> from vireid.errors import CheckpointError
        >>> with Bounded(CheckpointError, "'last.ckpt'"):
        ...     torch.empty(10**12)
        Traceback (most recent call last):
            ...
        vireid.errors.CheckpointError: 'last.ckpt' asks for a network of more than 4000.0 GB, and at most 1.5 GB are given to it. ...
    """

    active = False

    def __init__(self, error: type[VireidError], what: str, file_bytes: int = 0) -> None:
        super().__init__()
        self.error, self.what, self.largest = error, what, LARGEST + TIMES * file_bytes
        self.used = 0

    def __enter__(self) -> Any:
        self.outermost, Bounded.active = not Bounded.active, True
        return super().__enter__()  # type: ignore[no-untyped-call]  # of torch

    def __exit__(self, *raised: Any) -> None:
        if self.outermost:
            Bounded.active = False
        super().__exit__(*raised)  # type: ignore[no-untyped-call]  # of torch

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if self.outermost and func in FACTORIES and torch.device(given.get("device") or "cpu").type != "meta":
            self.used += max(EACH, _size(func, args, given))
            if self.used > self.largest:
                raise self.error(
                    f"{self.what} asks for a network of more than {self.used / 1e9:.1f} GB, and at most {self.largest / 1e9:.1f} GB are "
                    "given to it. Its settings are damaged, or name a network that you must choose yourself (`model.space`)."
                )
        return func(*args, **given)


def _size(func: Callable[..., Tensor], args: Any, given: dict[str, Any]) -> int:
    """Bytes of the tensor that a call would make."""
    try:
        made = func(*args, **{name: value for name, value in given.items() if name not in ("generator", "out", "pin_memory")} | META)
    except (RuntimeError, TypeError, ValueError):  # the call itself will say so
        return 0
    return made.numel() * made.element_size()
