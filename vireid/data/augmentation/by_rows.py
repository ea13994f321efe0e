"""Crops, normalisation and erased rectangles of one image after the other.

On a CPU a few slices of each cost less than an index of every pixel, and an image stays in the cache while several things are done to it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Slices = tuple[slice, slice, slice]  # of channels, rows and columns


def crop_rows(images: Tensor, top: Tensor, left: Tensor, flip: Tensor, padding: int) -> Tensor:
    """What :func:`~vireid.data.augmentation.geometry.crop_and_flip` gives."""
    cropped = torch.zeros_like(images)
    for place, (row, column, mirrored) in enumerate(zip(top.tolist(), left.tolist(), flip.tolist(), strict=True)):
        seen = images[place].flip(-1) if mirrored else images[place]
        there, here = _moves(row, column, mirrored, padding, images)
        cropped[place][here] = seen[there]
    return cropped


def crop_and_normalise_rows(
    images: Tensor, top: Tensor, left: Tensor, flip: Tensor, padding: int, mean: Tensor, std: Tensor, black: bool
) -> Tensor:
    """What :func:`crop_rows` and :meth:`~vireid.data.Augmentation.normalise` give, to the last bit.

    Args:
        images: ``(B, 3, H, W)`` uint8.
        top, left, flip, padding: as for ``crop_and_flip``.
        mean, std: ``(3,)`` or ``(B, 3)`` float32.
        black: whether images are cropped first, so that what is beyond an edge is black; it is 0 otherwise.
    """
    normalised = torch.empty(images.shape, dtype=torch.float32)
    means, stds = (values.expand(len(images), 3)[..., None, None].numpy() for values in (mean, std))
    for place, (row, column, mirrored) in enumerate(zip(top.tolist(), left.tolist(), flip.tolist(), strict=True)):
        seen = images[place].flip(-1) if mirrored else images[place]
        there, here = _moves(row, column, mirrored, padding, images)
        image = normalised[place].numpy()
        np.copyto(image[here], seen.numpy()[there])
        _clear_edges(image, *here[1:])
        image /= np.float32(255)
        image -= means[place]
        image /= stds[place]
        if not black:
            _clear_edges(image, *here[1:])
    return normalised


def erase_rows(images: Tensor, rectangles: Tensor, fill: Tensor) -> Tensor:
    """What :func:`~vireid.data.augmentation.geometry.erase_` does."""
    values = fill.to(images).expand(len(images), -1)[..., None, None]
    for place, (top, left, tall, wide) in enumerate(rectangles.tolist()):
        if tall:
            images[place, :, top : top + tall, left : left + wide] = values[place]
    return images


def _moves(row: int, column: int, mirrored: bool, padding: int, images: Tensor) -> tuple[Slices, Slices]:
    """Where the pixels that a crop shows are in the image, and where they are in the crop."""
    down, right = row - padding, (padding - column if mirrored else column - padding)  # of the corner inside the image
    rows, columns = _span(down, images.shape[2]), _span(right, images.shape[3])
    return (slice(None), rows, columns), (slice(None), _moved(rows, -down), _moved(columns, -right))


def _clear_edges(image: NDArray[np.float32], rows: slice, columns: slice) -> None:
    """Zeros in all other rows and columns."""
    for edge in (image[:, : rows.start], image[:, rows.stop :], image[..., : columns.start], image[..., columns.stop :]):
        edge[:] = 0


def _span(start: int, length: int) -> slice:
    """The part from ``start`` on, of ``length``, that lies in 0..length."""
    return slice(min(max(start, 0), length), max(min(start + length, length), 0))


def _moved(span: slice, by: int) -> slice:
    return slice(span.start + by, span.stop + by) if span.stop > span.start else slice(0, 0)
