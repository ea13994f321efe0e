"""Random shift and flip of whole batches."""

from __future__ import annotations

import random
from typing import Literal

import torch
from torch import Tensor

from vireid.data.augmentation.base import IMAGENET_MEAN, IMAGENET_STD, Augmentation
from vireid.data.augmentation.by_rows import crop_and_normalise_rows
from vireid.data.augmentation.geometry import Rectangle, crop_and_flip
from vireid.data.augmentation.statistics import Statistics, of_images
from vireid.errors import SettingsError

PadFill = Literal["mean", "black"]


class FlipShiftAugmentation(Augmentation):
    """Small random shift (padding, crop), horizontal flip and normalisation; for small inputs.

    Args:
        padding: largest shift in every direction, in pixels.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        pad_fill: colour of the pixels that a shift brings in. ``mean``: the mean of the image's modality, which is 0 after normalisation.
            ``black``: published code pads with black before it normalises. ``black`` is refused if ``mean`` or ``std`` is given per
            modality: black would then be another number in each, and a network could tell the modalities apart by the borders.
        mean: mean of the three channels, in [0, 1], which is subtracted; or one per modality: ``{visible: [...], infrared: [...]}``.
        std: standard deviation of the three channels, above 0, which divides; or one per modality, as ``mean``.

    Raises:
        SettingsError: ``padding`` below 0, or black borders where modalities have means of their own.
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
        check_probability("flip_probability", flip_probability)
        self.padding, self.flip_probability, self.pad_fill = padding, flip_probability, pad_fill

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Shifted, flipped and normalised images, see :class:`~vireid.data.Augmentation`."""
        draws = torch.tensor(self.draw(key, images.shape[0], *images.shape[2:])).to(images.device, non_blocking=True)
        how = draws[:, 0], draws[:, 1], draws[:, 2] > 0, self.padding
        if images.dtype == torch.uint8 and images.device.type == "cpu" and type(self).normalise is Augmentation.normalise:
            rows = torch.empty(len(images), dtype=torch.float32)  # which says the dtype of the numbers, and how many images there are
            mean, std = (of_images(values, rows, n_visible) for values in (self.mean, self.std))
            moved = crop_and_normalise_rows(images, *how, mean, std, self.pad_fill == "black")
        elif self.pad_fill == "black":
            moved = self.normalise(crop_and_flip(images, *how), n_visible)
        else:
            moved = crop_and_flip(self.normalise(images, n_visible), *how)
        return self.finish(moved, draws[:, 3:], n_visible)

    def draw(self, key: tuple[int, ...], count: int, height: int, width: int) -> list[tuple[int, ...]]:
        """Random numbers of ``count`` images: corner of the crop (top, left), flip (0 or 1), then those of :meth:`rectangle`."""
        rng = random.Random(repr(tuple(key)))
        drawn: list[tuple[int, ...]] = []
        for _ in range(count):
            top, left = rng.randint(0, 2 * self.padding), rng.randint(0, 2 * self.padding)
            flip = int(rng.random() < self.flip_probability)
            drawn.append((top, left, flip, *self.rectangle(rng, height, width)))
        return drawn

    def rectangle(self, rng: random.Random, height: int, width: int) -> Rectangle:  # noqa: ARG002 - for subclasses
        """Rectangle to erase; none in this class."""
        return 0, 0, 0, 0

    def finish(self, images: Tensor, rectangles: Tensor, n_visible: int | None) -> Tensor:  # noqa: ARG002 - for subclasses
        """Step after normalisation; this class does nothing."""
        return images


def check_probability(name: str, value: float) -> None:
    """Raise ``SettingsError`` unless ``value`` is in [0, 1]."""
    if not 0 <= value <= 1:
        raise SettingsError(f"`{name}` must be between 0 and 1, got {value}.")
