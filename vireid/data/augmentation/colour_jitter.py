"""Colour jitter as in the training of OSNet-AIN."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from vireid.data.augmentation.base import IMAGENET_MEAN, IMAGENET_STD
from vireid.data.augmentation.constants import constant
from vireid.data.augmentation.flip_shift import FlipShiftAugmentation
from vireid.data.augmentation.statistics import Statistics
from vireid.errors import SettingsError

GREY = (0.299, 0.587, 0.114)  # luma of ITU-R 601


class FlipJitterAugmentation(FlipShiftAugmentation):
    """Random horizontal flip, random brightness and contrast in random order, then normalisation. Each image is drawn independently.

    Brightness multiplies by a factor from ``1 - brightness`` to ``1 + brightness``; contrast multiplies the
    distance of all pixels from the image's mean grey by a factor from ``1 - contrast`` to ``1 + contrast``. Both clip to [0, 1]. The
    published code works on 8-bit images and rounds after each step; this class does not round.

    Args:
        brightness: largest relative change of brightness, in [0, 1].
        contrast: largest relative change of contrast, in [0, 1].
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        mean: mean of the three channels, in [0, 1], which is subtracted; or one per modality: ``{visible: [...], infrared: [...]}``.
        std: standard deviation of the three channels, above 0, which divides; or one per modality, as ``mean``.

    Raises:
        SettingsError: ``brightness`` or ``contrast`` out of range.

    Reference:
        OSNet-AIN (Zhou, Yang, Cavallaro, Xiang, TPAMI 2021), public code.
    """

    def __init__(
        self,
        brightness: float = 0.2,
        contrast: float = 0.15,
        flip_probability: float = 0.5,
        mean: Statistics = IMAGENET_MEAN,
        std: Statistics = IMAGENET_STD,
    ) -> None:
        super().__init__(0, flip_probability, mean=mean, std=std)
        for name, value in (("brightness", brightness), ("contrast", contrast)):
            if not 0 <= value <= 1:
                raise SettingsError(f"`{name}` must be between 0 and 1, got {value}.")
        self.brightness, self.contrast = brightness, contrast

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Jittered, flipped and normalised images, see :class:`~vireid.data.Augmentation`."""
        scaled = images if images.is_floating_point() else images.float().div_(255)
        draws = torch.tensor(self.factors(key, images.shape[0]), dtype=scaled.dtype).to(scaled.device, non_blocking=True)
        brightness, contrast, brightness_first = draws[:, :, None, None, None].unbind(1)
        bright_then = _contrast(_brightness(scaled, brightness), contrast)
        contrast_then = _brightness(_contrast(scaled, contrast), brightness)
        return super().__call__(torch.where(brightness_first > 0, bright_then, contrast_then), key, n_visible)

    def factors(self, key: tuple[int, ...], count: int) -> list[tuple[float, float, float]]:
        """Factor of brightness, factor of contrast, and whether brightness comes first (0 or 1), of ``count`` images."""
        rng = random.Random(repr(("jitter", *key)))
        ranges = (1 - self.brightness, 1 + self.brightness), (1 - self.contrast, 1 + self.contrast)
        return [(rng.uniform(*ranges[0]), rng.uniform(*ranges[1]), float(rng.random() < 0.5)) for _ in range(count)]


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return (images * factor).clamp(0, 1)


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    grey = (images * constant(GREY, images)[:, None, None]).sum(1, keepdim=True).mean(dim=(2, 3), keepdim=True)
    return (grey + factor * (images - grey)).clamp(0, 1)
