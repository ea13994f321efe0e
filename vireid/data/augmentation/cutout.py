"""Augmentation of CIFAR images."""

from __future__ import annotations

import random

from torch import Tensor

from vireid.data.augmentation.constants import constant
from vireid.data.augmentation.flip_shift import FlipShiftAugmentation, PadFill
from vireid.data.augmentation.geometry import Rectangle, erase_
from vireid.data.augmentation.statistics import ZEROS, Statistics
from vireid.errors import SettingsError

CIFAR100_MEAN = (129.3 / 255, 124.1 / 255, 112.4 / 255)
CIFAR100_STD = (68.2 / 255, 65.4 / 255, 70.4 / 255)


class CutoutAugmentation(FlipShiftAugmentation):
    """Random shift and flip, then normalisation, then a square of zeros whose centre is uniform in the image.

    Args:
        length: side of the square, in pixels; 0 means no square. The part of the square outside the image is cut off.
        padding: largest shift in every direction, in pixels.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        pad_fill: colour of the padding. ``black``: the public code pads with black before it normalises. ``mean``: 0 after normalisation.
        mean: mean of the three channels, in [0, 1], which is subtracted; by default that of CIFAR-100.
        std: standard deviation of the three channels, above 0, which divides; by default that of CIFAR-100.

    Raises:
        SettingsError: a number is out of range.

    Reference:
        DeVries, Taylor: Improved Regularization of Convolutional Neural Networks with Cutout, 2017, arXiv 1708.04552; the numbers are
        those of the public code of CDNet (Li, Wu, Zheng, CVPR 2021).
    """

    def __init__(
        self,
        length: int = 16,
        padding: int = 4,
        flip_probability: float = 0.5,
        pad_fill: PadFill = "black",
        mean: Statistics = CIFAR100_MEAN,
        std: Statistics = CIFAR100_STD,
    ) -> None:
        super().__init__(padding, flip_probability, pad_fill, mean, std)
        if length < 0:
            raise SettingsError(f"`length` must be at least 0, got {length}.")
        self.length = length

    def rectangle(self, rng: random.Random, height: int, width: int) -> Rectangle:
        """The square, clipped at the borders."""
        row, column, half = rng.randrange(height), rng.randrange(width), self.length // 2
        top, left = max(0, row - half), max(0, column - half)
        return top, left, max(0, min(height, row - half + self.length) - top), min(width, column - half + self.length) - left

    def finish(self, images: Tensor, rectangles: Tensor, n_visible: int | None) -> Tensor:  # noqa: ARG002 (interface)
        """Fill the square with zeros."""
        return erase_(images, rectangles, constant(ZEROS, images))
