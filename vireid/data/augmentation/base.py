"""Training augmentation, batched on the images' device; random numbers are a pure function of the batch's key."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from vireid.data.augmentation.constants import constant
from vireid.data.augmentation.geometry import Rectangle, crop_and_flip, erase, sample_rectangle
from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.structures import Batch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
Triple = tuple[float, float, float]
ZEROS: Triple = (0.0, 0.0, 0.0)


class Augmentation(Recorded, ABC):
    """What happens to training images between disk and network; evaluation uses only its :meth:`normalise`.

    Args:
        mean: of the three channels, in [0, 1]; it is subtracted.
        std: deviation of the three channels, above 0; it divides.
    """

    def __init__(self, mean: Triple = IMAGENET_MEAN, std: Triple = IMAGENET_STD) -> None:
        if min(std) <= 0:
            raise SettingsError(f"`std` must be positive, got {std}.")
        self.mean, self.std = tuple(mean), tuple(std)

    @abstractmethod
    def __call__(self, images: Tensor, key: tuple[int, ...]) -> Tensor:
        """Augmented and normalised images.

        Args:
            images: ``(B, 3, H, W)`` uint8, or float in [0, 1].
            key: names the batch; equal keys and shapes give equal random numbers, on any device.

        Returns:
            ``(B, 3, H, W)`` float32 (another floating dtype stays).
        """

    def augment(self, batch: Batch) -> Batch:
        """The batch with augmented and normalised images. Override it to treat modalities differently, or to add views."""
        return batch.with_images(self(batch.images, batch.key))

    def normalise(self, images: Tensor) -> Tensor:
        """uint8, or float in [0, 1], to float with the mean taken off, divided by the standard deviation."""
        scaled = images if images.is_floating_point() else images.float().div_(255)
        mean, std = (constant(values, scaled)[:, None, None] for values in (self.mean, self.std))
        return (scaled - mean).div_(std)


class Normalise(Augmentation):
    """No augmentation: normalises only."""

    def __call__(self, images: Tensor, key: tuple[int, ...]) -> Tensor:  # noqa: ARG002 - nothing is random
        """Normalised images, see :class:`Augmentation`."""
        return self.normalise(images)


class FlipShiftAugmentation(Augmentation):
    """Small random shift (zero padding, crop) and horizontal flip, then normalisation; for small inputs.

    Args:
        padding: largest shift in pixels, in all directions.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        mean: of the three channels, in [0, 1]; it is subtracted.
        std: deviation of the three channels, above 0; it divides.
    """

    def __init__(self, padding: int = 2, flip_probability: float = 0.5, mean: Triple = IMAGENET_MEAN, std: Triple = IMAGENET_STD) -> None:
        super().__init__(mean, std)
        if padding < 0:
            raise SettingsError(f"`padding` must be at least 0, got {padding}.")
        _check_probability("flip_probability", flip_probability)
        self.padding, self.flip_probability = padding, flip_probability

    def __call__(self, images: Tensor, key: tuple[int, ...]) -> Tensor:
        """Shifted, flipped and normalised images, see :class:`Augmentation`."""
        draws = torch.tensor(self.draw(key, images.shape[0], *images.shape[2:])).to(images.device, non_blocking=True)
        moved = crop_and_flip(images, draws[:, 0], draws[:, 1], draws[:, 2] > 0, self.padding)
        return self.finish(self.normalise(moved), draws[:, 3:])

    def draw(self, key: tuple[int, ...], count: int, height: int, width: int) -> list[tuple[int, ...]]:
        """Random numbers of ``count`` images: corner of the crop (top, left), flip (0 or 1), then what :meth:`rectangle` adds."""
        rng = random.Random(repr(tuple(key)))
        drawn: list[tuple[int, ...]] = []
        for _ in range(count):
            top, left = rng.randint(0, 2 * self.padding), rng.randint(0, 2 * self.padding)
            flip = int(rng.random() < self.flip_probability)
            drawn.append((top, left, flip, *self.rectangle(rng, height, width)))
        return drawn

    def rectangle(self, rng: random.Random, height: int, width: int) -> Rectangle:  # noqa: ARG002 - for subclasses
        """Rectangle to erase; here none."""
        return 0, 0, 0, 0

    def finish(self, images: Tensor, rectangles: Tensor) -> Tensor:  # noqa: ARG002 - for subclasses
        """What follows normalisation; here nothing."""
        return images


class CMNASAugmentation(FlipShiftAugmentation):
    """Augmentation of CM-NAS: pad with zeros, random crop, horizontal flip, ImageNet normalisation, random erasing.

    Every image of a batch is drawn by itself.

    Args:
        padding: zeros on every side before the crop, in pixels.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        erasing_probability: probability that a rectangle is erased, in [0, 1].
        erasing_area: range of the erased share of the image, in (0, 1).
        erasing_aspect: range of height / width of the erased rectangle.
        erase_fill: ``"quirk"`` fills with the mean itself although the image is normalised by then, as the public code does (about
            0.45 standard scores too bright); ``"mean"`` fills with 0, the mean of normalised images.
        mean: of the three channels, in [0, 1]; it is subtracted.
        std: deviation of the three channels, above 0; it divides.

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
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
    ) -> None:
        super().__init__(padding, flip_probability, mean, std)
        _check_probability("erasing_probability", erasing_probability)
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

    def finish(self, images: Tensor, rectangles: Tensor) -> Tensor:
        """Random erasing."""
        return erase(images, rectangles, constant(self.mean if self.erase_fill == "quirk" else ZEROS, images))


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingsError(f"`{name}` must be between 0 and 1, got {value}.")
