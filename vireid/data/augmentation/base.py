"""Training augmentation, batched on the images' device; random numbers are a pure function of the batch's key."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from vireid.data.augmentation.geometry import Rectangle, crop_and_flip, erase, sample_rectangle
from vireid.data.augmentation.statistics import Statistics, Triple, checked, of_images
from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.structures import Batch

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
ZEROS: Triple = (0.0, 0.0, 0.0)
PadFill = Literal["mean", "black"]


class Augmentation(Recorded, ABC):
    """What happens to training images between disk and network; evaluation uses only its :meth:`normalise`.

    Args:
        mean: of the three channels, in [0, 1]; it is subtracted. Or one for each modality: ``{visible: [...], infrared: [...]}``.
        std: deviation of the three channels, above 0; it divides. Or one for each modality, as ``mean``.
    """

    def __init__(self, mean: Statistics = IMAGENET_MEAN, std: Statistics = IMAGENET_STD) -> None:
        self.mean, self.std = checked("mean", mean), checked("std", std)
        if min(min(values) for values in (self.std.values() if isinstance(self.std, dict) else [self.std])) <= 0:
            raise SettingsError(f"`std` must be positive, got {std}.")

    @property
    def per_modality(self) -> bool:
        """Whether mean or deviation is given for each modality."""
        return isinstance(self.mean, dict) or isinstance(self.std, dict)

    @abstractmethod
    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Augmented and normalised images.

        Args:
            images: ``(B, 3, H, W)`` uint8, or float in [0, 1].
            key: names the batch; equal keys and shapes give equal random numbers, on any device.
            n_visible: number of visible images, which come first. It may be left out where mean and deviation do not depend on it.

        Returns:
            ``(B, 3, H, W)`` float32 (another floating dtype stays).
        """

    def augment(self, batch: Batch) -> Batch:
        """The batch with augmented and normalised images. Override it to treat modalities differently, or to add views."""
        return batch.with_images(self(batch.images, batch.key, batch.n_visible))

    def normalise(self, images: Tensor, n_visible: int | None = None) -> Tensor:
        """uint8, or float in [0, 1], to float with the mean taken off, divided by the standard deviation.

        Args:
            images: ``(B, 3, H, W)``.
            n_visible: number of visible images, which come first. It may be left out where mean and deviation do not depend on it.

        Raises:
            SettingsError: it is left out, and they do.
        """
        scaled = images if images.is_floating_point() else images.float().div_(255)
        mean, std = (of_images(values, scaled, n_visible)[..., None, None] for values in (self.mean, self.std))
        return (scaled - mean).div_(std)


class Normalise(Augmentation):
    """No augmentation: normalises only."""

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:  # noqa: ARG002 - nothing is random
        """Normalised images, see :class:`Augmentation`."""
        return self.normalise(images, n_visible)


class FlipShiftAugmentation(Augmentation):
    """Small random shift (padding, crop) and horizontal flip, and normalisation; for small inputs.

    Args:
        padding: largest shift in pixels, in all directions.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        pad_fill: colour of what a shift brings in. ``mean``: the mean of the image's modality, which is 0 after normalisation. ``black``,
            as published code pads, before it normalises; refused beside a ``mean`` or ``std`` of each modality, as black would then be
            another number in each, and borders would tell the modalities apart.
        mean: of the three channels, in [0, 1]; it is subtracted. Or one for each modality: ``{visible: [...], infrared: [...]}``.
        std: deviation of the three channels, above 0; it divides. Or one for each modality, as ``mean``.
    """

    def __init__(
        self,
        padding: int = 2,
        flip_probability: float = 0.5,
        pad_fill: PadFill = "mean",
        mean: Statistics = IMAGENET_MEAN,
        std: Statistics = IMAGENET_STD,
    ) -> None:
        super().__init__(mean, std)
        if padding < 0:
            raise SettingsError(f"`padding` must be at least 0, got {padding}.")
        if pad_fill == "black" and padding and self.per_modality:
            raise SettingsError(
                "`pad_fill: black` does not go with a `mean` or `std` of each modality: normalised, black would be another number in each, "
                "and borders would tell the modalities apart. Set `pad_fill: mean`."
            )
        _check_probability("flip_probability", flip_probability)
        self.padding, self.flip_probability, self.pad_fill = padding, flip_probability, pad_fill

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Shifted, flipped and normalised images, see :class:`Augmentation`."""
        draws = torch.tensor(self.draw(key, images.shape[0], *images.shape[2:])).to(images.device, non_blocking=True)
        how = draws[:, 0], draws[:, 1], draws[:, 2] > 0, self.padding
        if self.pad_fill == "black":
            moved = self.normalise(crop_and_flip(images, *how), n_visible)
        else:
            moved = crop_and_flip(self.normalise(images, n_visible), *how)
        return self.finish(moved, draws[:, 3:], n_visible)

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

    def finish(self, images: Tensor, rectangles: Tensor, n_visible: int | None) -> Tensor:  # noqa: ARG002 - for subclasses
        """What follows normalisation; here nothing."""
        return images


class CMNASAugmentation(FlipShiftAugmentation):
    """Augmentation of CM-NAS: pad, random crop, horizontal flip, ImageNet normalisation, random erasing.

    Every image of a batch is drawn by itself.

    Args:
        padding: added on every side before the crop, in pixels.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        erasing_probability: probability that a rectangle is erased, in [0, 1].
        erasing_area: range of the erased share of the image, in (0, 1).
        erasing_aspect: range of height / width of the erased rectangle.
        erase_fill: ``"quirk"`` fills with the mean itself although the image is normalised by then, as the public code does (about
            0.45 standard scores too bright); ``"mean"`` fills with 0, the mean of normalised images. Where ``mean`` is given for each
            modality, the quirk fills with that of the image's.
        pad_fill: ``black``, as the public code pads before it normalises, or ``mean`` (0 after normalisation), which a ``mean`` or
            ``std`` of each modality asks for.
        mean: of the three channels, in [0, 1]; it is subtracted. Or one for each modality: ``{visible: [...], infrared: [...]}``.
        std: deviation of the three channels, above 0; it divides. Or one for each modality, as ``mean``.

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

    def finish(self, images: Tensor, rectangles: Tensor, n_visible: int | None) -> Tensor:
        """Random erasing."""
        return erase(images, rectangles, of_images(self.mean if self.erase_fill == "quirk" else ZEROS, images, n_visible))


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingsError(f"`{name}` must be between 0 and 1, got {value}.")
