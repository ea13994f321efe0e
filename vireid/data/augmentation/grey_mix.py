"""Grey images from random mixtures of the channels, for a network that must not rely on colour."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from vireid.data.augmentation.base import IMAGENET_MEAN, IMAGENET_STD
from vireid.data.augmentation.flip_shift import FlipShiftAugmentation, PadFill
from vireid.data.augmentation.statistics import Statistics
from vireid.errors import SettingsError

UNCHANGED = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class GreyMixAugmentation(FlipShiftAugmentation):
    """Random grey for a share of the images, then a small random shift and horizontal flip, then normalisation; independently per image.

    The grey of an image is a weighted sum of its channels. The weights are at least 0, sum to 1, and are uniform among all such weights.
    So a grey image has values in the range of its channels, and an image of three equal channels does not change. This is our own.

    Args:
        grey: probability that an image becomes grey, in [0, 1].
        padding: largest shift in every direction, in pixels.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        pad_fill: colour of the pixels that a shift brings in: ``mean``, the mean of the image's modality, or ``black``.
        mean: mean of the three channels, in [0, 1], which is subtracted; or one per modality: ``{visible: [...], infrared: [...]}``.
        std: standard deviation of the three channels, above 0, which divides; or one per modality, as ``mean``.

    Raises:
        SettingsError: a number is out of range.
    """

    def __init__(
        self,
        grey: float = 0.7,
        padding: int = 2,
        flip_probability: float = 0.5,
        pad_fill: PadFill = "mean",
        mean: Statistics = IMAGENET_MEAN,
        std: Statistics = IMAGENET_STD,
    ) -> None:
        super().__init__(padding, flip_probability, pad_fill, mean, std)
        if not 0 <= grey <= 1:
            raise SettingsError(f"`grey` must be between 0 and 1, got {grey}.")
        self.grey = grey

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Shifted, flipped and normalised images, some of them in grey; see :class:`~vireid.data.Augmentation`."""
        scaled = images if images.is_floating_point() else images.float().div_(255)
        weights = torch.tensor(self.mixtures(key, images.shape[0]), dtype=scaled.dtype).to(scaled.device, non_blocking=True)
        mixed = weights @ scaled.flatten(2)  # (B, 3, 3) @ (B, 3, H * W)
        return super().__call__(mixed.view_as(scaled), key, n_visible)

    def mixtures(self, key: tuple[int, ...], count: int) -> list[tuple[tuple[float, ...], ...]]:
        """3 x 3 matrices, from old channels to new ones, of ``count`` images."""
        rng = random.Random(repr(("grey", *key)))
        return [((_weights(rng),) * 3 if rng.random() < self.grey else UNCHANGED) for _ in range(count)]


def _weights(rng: random.Random) -> tuple[float, ...]:
    """Three uniform weights of sum 1: two uniform points cut [0, 1] into parts of these lengths."""
    low, high = sorted((rng.random(), rng.random()))
    return low, high - low, 1 - high
