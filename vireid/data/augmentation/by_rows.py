"""Crops and erased rectangles of one image after the other: on a CPU a few slices of each cost less than an index of every pixel."""

from __future__ import annotations

import torch
from torch import Tensor


def crop_rows(images: Tensor, top: Tensor, left: Tensor, flip: Tensor, padding: int) -> Tensor:
    """What :func:`~vireid.data.augmentation.geometry.crop_and_flip` gives."""
    cropped = torch.zeros_like(images)
    height, width = images.shape[-2:]
    for place, (row, column, mirrored) in enumerate(zip(top.tolist(), left.tolist(), flip.tolist(), strict=True)):
        seen = images[place].flip(-1) if mirrored else images[place]
        down, right = row - padding, (padding - column if mirrored else column - padding)  # of the corner inside the image
        rows, columns = _span(down, height), _span(right, width)
        cropped[place, :, _moved(rows, -down), _moved(columns, -right)] = seen[:, rows, columns]
    return cropped


def erase_rows(images: Tensor, rectangles: Tensor, fill: Tensor) -> Tensor:
    """What :func:`~vireid.data.augmentation.geometry.erase_` does."""
    values = fill.to(images).expand(len(images), -1)[..., None, None]
    for place, (top, left, tall, wide) in enumerate(rectangles.tolist()):
        if tall:
            images[place, :, top : top + tall, left : left + wide] = values[place]
    return images


def _span(start: int, length: int) -> slice:
    """The part from ``start`` on, of ``length``, that lies in 0..length."""
    return slice(min(max(start, 0), length), max(min(start + length, length), 0))


def _moved(span: slice, by: int) -> slice:
    return slice(span.start + by, span.stop + by) if span.stop > span.start else slice(0, 0)
