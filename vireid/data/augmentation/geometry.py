"""Crop, flip and erase whole batches with given numbers, and draw the rectangles to erase."""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor
from torch.nn.functional import pad

from vireid.data.augmentation.by_rows import crop_rows, erase_rows

ERASE_TRIES = 100
Rectangle = tuple[int, int, int, int]  # top, left, height, width


def sample_rectangle(
    rng: random.Random,
    height: int,
    width: int,
    probability: float = 0.5,
    area: tuple[float, float] = (0.02, 0.4),
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
) -> Rectangle | None:
    """Rectangle of random erasing. Draws are in the order of the reference: coin; then per try area, aspect and, if it fits, row, column.

    Args:
        rng: Python generator, which advances.
        height, width: size of the image, in pixels; an accepted rectangle is strictly smaller in both.
        probability: probability that a rectangle is erased, in [0, 1].
        area: range of the rectangle's share of the image, uniform.
        aspect: range of height / width, uniform (not log-uniform).

    Returns:
        ``(top, left, height, width)``, or ``None`` if the coin decides against it or none of 100 tries fits.

    Example:
        >>> sample_rectangle(random.Random(0), 64, 32, probability=0.0) is None
        True

    Reference:
        Zhong et al.: Random Erasing Data Augmentation. AAAI 2020; quirks of CM-NAS's code.
    """
    if rng.uniform(0, 1) >= probability:
        return None
    for _ in range(ERASE_TRIES):
        pixels = rng.uniform(*area) * height * width
        ratio = rng.uniform(*aspect)
        tall, wide = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if tall < height and wide < width:
            top = rng.randint(0, height - tall)
            return top, rng.randint(0, width - wide), tall, wide
    return None


def crop_and_flip(images: Tensor, top: Tensor, left: Tensor, flip: Tensor, padding: int) -> Tensor:
    """Each image padded with zeros, cropped to its old size, and mirrored where ``flip`` is true.

    Args:
        images: ``(B, C, H, W)``, any dtype.
        top, left: ``(B,)`` int64 corner of each crop in the padded image, 0..2 * padding.
        flip: ``(B,)`` bool.
        padding: number of zeros added on every side, in pixels.

    Returns:
        ``(B, C, H, W)`` of the same dtype.

    Example:
        >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> crop_and_flip(image, torch.tensor([1]), torch.tensor([1]), torch.tensor([True]), padding=1)
        tensor([[[[1., 0.],
                  [3., 2.]]]])
    """
    return (crop_rows if images.device.type == "cpu" else crop_by_index)(images, top, left, flip, padding)


def crop_by_index(images: Tensor, top: Tensor, left: Tensor, flip: Tensor, padding: int) -> Tensor:
    """What :func:`crop_and_flip` gives, in a few operations on whole batches."""
    height, width = images.shape[-2:]
    rows = top[:, None] + torch.arange(height, device=images.device)  # (B, H)
    steps = torch.arange(width, device=images.device)
    columns = left[:, None] + torch.where(flip[:, None], width - 1 - steps, steps)  # (B, W)
    padded = pad(images, (padding, padding, padding, padding)).flatten(2)
    flat = (rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]).flatten(1)  # (B, H * W)
    return padded.gather(2, flat[:, None].expand(-1, images.shape[1], -1)).view(images.shape)


def erase(images: Tensor, rectangles: Tensor, fill: Tensor) -> Tensor:
    """Each image with one rectangle filled.

    Args:
        images: ``(B, C, H, W)`` float.
        rectangles: ``(B, 4)`` int64 top, left, height, width; a height of 0 leaves the image as it is.
        fill: ``(C,)`` value of each channel, or ``(B, C)`` for each image.

    Example:
        >>> erase(torch.zeros(1, 1, 2, 3), torch.tensor([[0, 1, 2, 1]]), torch.ones(1))[0, 0]
        tensor([[0., 1., 0.],
                [0., 1., 0.]])
    """
    return erase_(images.clone(), rectangles, fill)


def erase_(images: Tensor, rectangles: Tensor, fill: Tensor) -> Tensor:
    """:func:`erase` of images that nobody needs afterwards: they may be changed in place."""
    return (erase_rows if images.device.type == "cpu" else erase_by_index)(images, rectangles, fill)


def erase_by_index(images: Tensor, rectangles: Tensor, fill: Tensor) -> Tensor:
    """What :func:`erase_` does, in a few operations on whole batches."""
    top, left, tall, wide = rectangles.T[:, :, None]  # each (B, 1)
    rows = torch.arange(images.shape[2], device=images.device)
    columns = torch.arange(images.shape[3], device=images.device)
    inside = ((rows >= top) & (rows < top + tall))[:, None, :, None] & ((columns >= left) & (columns < left + wide))[:, None, None, :]
    return torch.where(inside, fill.to(images)[..., None, None], images)
