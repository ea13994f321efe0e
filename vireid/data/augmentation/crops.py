"""Crops of photographs of any size: random crops for training, the middle for evaluation."""

from __future__ import annotations

import math
import random

from PIL import Image

LONGEST = 1_000  # longest side of an image that is cropped, in shorter sides
TRIES = 10
Box = tuple[int, int, int, int]  # left, top, right, bottom


def random_box(
    rng: random.Random, width: int, height: int, area: tuple[float, float] = (0.08, 1.0), aspect: tuple[float, float] = (3 / 4, 4 / 3)
) -> Box:
    """Random part of an image: its share of the area is uniform, its width / height log-uniform, and its position uniform.

    If none of ten draws fits, the result is the middle of the image, with the nearest allowed shape.

    Args:
        rng: Python generator, which advances.
        width, height: size of the image, in pixels.
        area: range of the share of the area.
        aspect: range of width / height.

    Reference:
        Szegedy et al.: Going Deeper with Convolutions, CVPR 2015; the form of torchvision's ``RandomResizedCrop``.
    """
    for _ in range(TRIES):
        pixels = rng.uniform(*area) * width * height
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        wide, tall = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < wide <= width and 0 < tall <= height:
            left, top = rng.randint(0, width - wide), rng.randint(0, height - tall)
            return left, top, left + wide, top + tall
    wide, tall = min(width, round(height * aspect[1])), min(height, round(width / aspect[0]))
    left, top = (width - wide) // 2, (height - tall) // 2
    return left, top, left + wide, top + tall


def random_resized_crop(image: Image.Image, size: int, rng: random.Random) -> Image.Image:
    """A random part of the image (:func:`random_box`), resized to ``size`` x ``size`` by bilinear interpolation."""
    return image.resize((size, size), Image.Resampling.BILINEAR, box=random_box(rng, *image.size))


def centre_crop(image: Image.Image, size: int, resized: int) -> Image.Image:
    """The middle ``size`` x ``size`` of the image, whose shorter side is resized to ``resized`` first.

    Raises:
        ValueError: one side is more than a thousand times as long as the other; resizing would fill the memory.

    Example:
        >>> centre_crop(Image.new("RGB", (100, 50)), 24, 32).size
        (24, 24)
    """
    if max(image.size) > LONGEST * min(image.size):
        raise ValueError(f"it is {image.width} x {image.height}, too narrow to be cropped")
    scale = resized / min(image.size)
    width, height = (max(resized, round(side * scale)) for side in image.size)
    shrunk = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return shrunk.crop((left, top, left + size, top + size))
