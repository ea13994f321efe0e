"""A device that holds no numbers: whoever reads one there would wait for a GPU, and is counted.

``meta`` stands for the GPU. Tensors on it have shapes only, so that a whole run of Lightning can be followed on any machine, backward pass
and optimiser included. FakeTensorMode has a fake ``cuda`` too, but torch's backward pass asks the driver for it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytorch_lightning as pl
import torch
from pytorch_lightning.accelerators import Accelerator
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

BLIND = torch.device("meta")
MAKERS = (torch.tensor, torch.as_tensor, Tensor.new_tensor)
COUNTING = ("nonzero", "masked_select", "unique_consecutive", "_unique2", "unique_dim", "bincount", "equal", "is_nonzero")


class Waits(TorchDispatchMode):
    """Inside, what waits for the device is written down.

    Attributes:
        waits: the operation and the line that asked for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(
        self, func: OpOverload, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        if not any(value.device == BLIND for value in given) and kwargs.get("device") != BLIND:
            return func(*args, **kwargs)
        if name == "batch_norm_update_stats":  # has no form without numbers
            return args[0].new_empty(args[0].shape[1]), args[0].new_empty(args[0].shape[1])
        if name == "_local_scalar_dense":
            self._waited(name)
            return 1.0 if args[0].is_floating_point() else 1
        if name == "_to_copy" and args[0].device == BLIND and kwargs.get("device", BLIND) != BLIND:
            self._waited("copy from the device")
            return _first(args[0].shape, kwargs.get("dtype") or args[0].dtype)
        if name == "_to_copy" and args[0].device != BLIND and not kwargs.get("non_blocking", False):
            self._waited("waiting copy to the device")
        if name == "copy_" and args[0].device != args[1].device:
            if args[0].device == BLIND and not (*args, False)[2]:
                self._waited("waiting copy to the device")
            elif args[0].device != BLIND:
                self._waited("copy from the device")
                return args[0].copy_(_first(args[0].shape, args[0].dtype))
        masks = [index for index in (args[1] if name in ("index", "index_put_", "index_put") else []) if index is not None]
        if name in COUNTING or any(index.dtype in (torch.bool, torch.uint8) for index in masks):
            raise AssertionError(f"{name} waits for the device, {_asked()}")
        return func(*args, **kwargs)

    def _waited(self, what: str) -> None:
        self.waits.append(f"{what}, {_asked()}")


class _Made(TorchFunctionMode):
    """Numbers that are made on the device are copied there, which waits."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if func in MAKERS and made.device == BLIND:
            self.waits._waited(f"waiting copy of {func.__name__}")
        return made


def _first(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The first candidate of every row, where the rows are choices."""
    if not shape:
        return torch.ones((), dtype=dtype)
    found = torch.zeros(shape, dtype=dtype)
    found[..., :1] = 1
    return found


def _asked() -> str:
    """The innermost line of ours, or of Lightning where none is ours."""
    lines = [frame for frame in traceback.extract_stack() if frame.filename != __file__]
    ours = (
        [frame for frame in lines if "/vireid/" in frame.filename] or [frame for frame in lines if "lightning" in frame.filename] or lines
    )
    return f"{ours[-1].filename.rpartition('/')[2]}:{ours[-1].lineno} {ours[-1].line}"


class BlindAccelerator(Accelerator):
    """The device for Lightning."""

    @staticmethod
    def parse_devices(devices: Any) -> Any:
        return devices

    @staticmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:
        return [BLIND]

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def name() -> str:
        return "blind"

    def setup_device(self, device: torch.device) -> None:
        """Nothing to set up."""

    def get_device_stats(self, device: Any) -> dict[str, Any]:
        return {}

    def teardown(self) -> None:
        """Nothing to take down."""


class _Seen(Exception):
    """The last step that is looked at is over."""


class Watch(pl.Callback):
    """Counts what waits in the steps of a run after the first ones, and ends the run.

    Args:
        skipped: batches before, in which constants are made and optimisers get their state.
        batches: batches that are looked at.
    """

    def __init__(self, skipped: int = 1, batches: int = 1) -> None:
        self.skipped, self.batches = skipped, batches
        self.started = 0
        self.waits: list[str] = []
        self.mode = Waits()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if self.started == self.skipped:
            self.mode.waits.clear()
        if self.started == self.skipped + self.batches:
            self.waits = list(self.mode.waits)
            raise _Seen
        self.started += 1


@contextmanager
def _followed(mode: Waits) -> Iterator[None]:
    autocast = torch.autocast

    def of_device(kind: str, **settings: Any) -> torch.autocast:
        return autocast("cuda" if kind == BLIND.type else kind, **settings)

    with mock.patch("torch.autocast", of_device), mode, _Made(mode):
        yield


def watch(module: pl.LightningModule, data: pl.LightningDataModule, skipped: int = 1, batches: int = 1, **trainer: Any) -> list[str]:
    """What waits in ``batches`` whole steps of a ``fit``: transfer, augmentation, forward, backward, optimisers, logging."""
    seen = Watch(skipped, batches)
    settings = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False, **trainer}
    trained = pl.Trainer(
        strategy=SingleDeviceStrategy(BLIND, accelerator=BlindAccelerator()), callbacks=[seen], limit_val_batches=0, **settings
    )
    try:
        with _followed(seen.mode):
            trained.fit(module, data)
    except _Seen:
        return seen.waits
    raise AssertionError(f"The run ended after {seen.started} batches.")
