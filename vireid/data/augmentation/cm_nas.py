"""Augmentation of CM-NAS, with random erasing."""

from __future__ import annotations

import random
from typing import Literal

from torch import Tensor

from vireid.data.augmentation.base import IMAGENET_MEAN, IMAGENET_STD
from vireid.data.augmentation.flip_shift import FlipShiftAugmentation, PadFill, check_probability
from vireid.data.augmentation.geometry import Rectangle, erase_, sample_rectangle
from vireid.data.augmentation.statistics import ZEROS, Statistics, of_images
from vireid.errors import SettingsError


class CMNASAugmentation(FlipShiftAugmentation):
    """Augmentation of CM-NAS: pad, random crop, horizontal flip, ImageNet normalisation, random erasing.

    Each image of a batch is drawn independently.

    Args:
        padding: pixels that are added on every side before the crop.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        erasing_probability: probability that a rectangle is erased, in [0, 1].
        erasing_area: range of the erased share of the image, in (0, 1).
        erasing_aspect: range of height / width of the erased rectangle.
        erase_fill: ``"quirk"`` fills with the mean itself as the public code does, although the image is already normalised (about
            0.45 standard scores too bright); ``"mean"`` fills with 0, the mean of normalised images. If ``mean`` is given per
            modality, ``"quirk"`` fills with the mean of the image's modality.
        pad_fill: colour of the padding. ``black``: the public code pads with black before it normalises. ``mean``: 0 after
            normalisation; needed if ``mean`` or ``std`` is given per modality.
        mean: mean of the three channels, in [0, 1], which is subtracted; or one per modality: ``{visible: [...], infrared: [...]}``.
        std: standard deviation of the three channels, above 0, which divides; or one per modality, as ``mean``.

    Raises:
        SettingsError: a probability, an area or an aspect out of range.

    Reference:
        Fu et al.: CM-NAS: Cross-Modality Neural Architecture Search for Visible-Infrared Person Re-Identification. ICCV 2021
        (public code).
    """

    def __init__(
        self,
        padding: int = 10,
        flip_probability: float = 0.5,
        erasing_probability: float = 0.5,
        erasing_area: tuple[float, float] = (0.02, 0.4),
        erasing_aspect: tuple[float, float] = (0.3, 1 / 0.3),
        erase_fill: Literal["quirk", "mean"] = "quirk",
        pad_fill: PadFill = "black",
        mean: Statistics = IMAGENET_MEAN,
        std: Statistics = IMAGENET_STD,
    ) -> None:
        super().__init__(padding, flip_probability, pad_fill, mean, std)
        check_probability("erasing_probability", erasing_probability)
        for name, (low, high) in (("erasing_area", erasing_area), ("erasing_aspect", erasing_aspect)):
            if not 0 < low <= high:
                raise SettingsError(f"`{name}` must be a range of positive numbers, smaller one first, got {(low, high)}.")
        self.erasing_probability = erasing_probability
        self.erasing_area = erasing_area
        self.erasing_aspect = erasing_aspect
        self.erase_fill = erase_fill

    def rectangle(self, rng: random.Random, height: int, width: int) -> Rectangle:
        """Rectangle to erase; height 0 for none."""
        return sample_rectangle(rng, height, width, self.erasing_probability, self.erasing_area, self.erasing_aspect) or (0, 0, 0, 0)

    def finish(self, images: Tensor, rectangles: Tensor, n_visible: int | None) -> Tensor:
        """Random erasing."""
        return erase_(images, rectangles, of_images(self.mean if self.erase_fill == "quirk" else ZEROS, images, n_visible))
