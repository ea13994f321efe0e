"""Formats of numbers that a device has, and those that it does not."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from vireid.errors import SettingsError

HALF = ("16", "16-mixed")


def check_precision(precision: Any, device: torch.device) -> None:
    """Refuse float16 on a CPU.

    Args:
        precision: of the Trainer, as the user gave it.
        device: of the run.

    Raises:
        SettingsError: naming what works.
    """
    if str(precision) in HALF and device.type == "cpu":
        raise SettingsError("`trainer.precision: 16-mixed` needs a GPU, and this run is on the CPU. Use `bf16-mixed`, or leave it out.")


def use_tf32(wanted: bool | None, device: torch.device) -> None:
    """Let float32 products and convolutions of this process be rounded to TF32, or not. A device without TF32 is named in a warning.

    Args:
        wanted: ``None`` leaves what is set.
        device: of the run.
    """
    if wanted is None:
        return
    if wanted and not has_tf32(device):
        warnings.warn(f"`trainer.tf32` has no effect on this {device.type}: NVIDIA's GPUs have TF32 since the A100.", stacklevel=1)
        return
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    torch.backends.cudnn.allow_tf32 = wanted


def has_tf32(device: torch.device) -> bool:
    """Whether the device can round to TF32."""
    return device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 0)
