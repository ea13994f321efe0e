"""Checks of the arguments of loss functions. Nothing waits for the device: shapes and dtypes are read, values by the device itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ASYNCHRONOUS = ("cuda", "meta")  # devices that can check a value without being waited for


def check_rows(name: str, rows: Tensor) -> None:
    """Raise ``ValueError`` unless ``rows`` is ``(n, d)`` with at least one row and floating point."""
    if rows.ndim != 2 or rows.shape[0] == 0:
        raise ValueError(f"`{name}` must have shape (rows, dimensions) with at least one row, got {tuple(rows.shape)}.")
    if not rows.is_floating_point():
        raise ValueError(f"`{name}` must be floating point, got {rows.dtype}.")


def check_labels(name: str, labels: Tensor, rows: Tensor, rows_name: str) -> None:
    """Raise ``ValueError`` unless there is one label for each row."""
    if labels.ndim != 1 or labels.shape[0] != rows.shape[0]:
        raise ValueError(
            f"`{name}` must hold one label for each of the {rows.shape[0]} rows of `{rows_name}`, got shape {tuple(labels.shape)}."
        )


def check_pair(visible: Tensor, infrared: Tensor, same_rows: bool = True) -> None:
    """Raise ``ValueError`` unless both are ``(n, d)`` with equal d, and equal n where ``same_rows``."""
    check_rows("visible", visible)
    check_rows("infrared", infrared)
    if same_rows and visible.shape != infrared.shape:
        raise ValueError(
            f"`visible` and `infrared` must have the same shape, because row i of both must be the same identity; "
            f"got {tuple(visible.shape)} and {tuple(infrared.shape)}."
        )
    check_columns("visible", visible, "infrared", infrared)


def check_columns(first_name: str, first: Tensor, second_name: str, second: Tensor) -> None:
    """Raise ``ValueError`` unless both have the same number of dimensions per row."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"`{first_name}` and `{second_name}` must have equally many dimensions, got {first.shape[1]} and {second.shape[1]}."
        )


def check_modality_logits(logits: Tensor, n_visible: int) -> None:
    """Raise ``ValueError`` unless ``logits`` is ``(B, 2, C)`` of at least one row, and ``n_visible`` 0..B."""
    if logits.ndim != 3 or logits.shape[1] != 2 or not len(logits):
        raise ValueError(f"`logits` must have shape (rows, 2, classes) with at least one row, got {tuple(logits.shape)}.")
    if not 0 <= n_visible <= len(logits):
        raise ValueError(f"`n_visible` must be 0 to {len(logits)}, the number of rows, got {n_visible}.")


def check_temperature(temperature: float) -> None:
    """Raise ``ValueError`` unless ``temperature`` is finite and above 0."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"`temperature` must be a finite number above 0, got {temperature}.")


def check_margin(margin: float) -> None:
    """Raise ``ValueError`` unless ``margin`` is a finite number."""
    if not math.isfinite(margin):
        raise ValueError(f"`margin` must be a finite number (negative: soft margin), got {margin}.")


def check_agreement(logits: Tensor, teacher: Tensor) -> None:
    """Raise ``ValueError`` unless both are ``(n, C)``."""
    check_rows("logits", logits)
    if logits.shape != teacher.shape:
        raise ValueError(
            f"`logits` and `teacher` must have the same shape, because row i of both must be the same identity; "
            f"got {tuple(logits.shape)} and {tuple(teacher.shape)}."
        )


def check_on_device(condition: Tensor, message: str) -> None:
    """Raise ``ValueError`` unless the one value of ``condition`` is true. CUDA looks at it later, and then ends the run by ``message``."""
    if condition.device.type in ASYNCHRONOUS:
        torch._assert_async(condition, message)
    elif not condition:
        raise ValueError(message)
