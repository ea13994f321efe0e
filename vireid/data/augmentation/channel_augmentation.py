"""Channel augmentation (CAJ): it changes colours at random, so that a network learns what infrared images show too."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from vireid.data.augmentation.base import IMAGENET_MEAN, IMAGENET_STD, Augmentation
from vireid.data.augmentation.cm_nas import CMNASAugmentation
from vireid.data.augmentation.constants import constant
from vireid.data.augmentation.flip_shift import PadFill
from vireid.data.augmentation.geometry import erase_
from vireid.data.augmentation.statistics import ZEROS, Statistics
from vireid.errors import SettingsError
from vireid.structures import Batch

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
GREY_WEIGHTS = (0.2989, 0.5870, 0.1140)
GREY, UNCHANGED = 3, 4  # outcomes besides 0, 1 and 2: copies of that channel
SOURCES = ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3), (0, 1, 2))  # source of each of the three channels, per outcome; channel 3 is grey


def draw_exchange(rng: random.Random, grey: bool = False) -> int:
    """Outcome of channel exchange: one of the channels, each with probability 1/3. With ``grey``: a channel or grey, each with 1/4.

    Example:
        >>> [draw_exchange(random.Random(seed)) for seed in range(5)]
        [1, 0, 0, 0, 0]
    """
    return rng.randint(0, GREY if grey else 2)


def draw_adaptive(rng: random.Random, grey: float = 0.5) -> int:
    """Outcome of adaptive grey: one of the channels, each with probability 1/4; otherwise grey with probability ``grey``, or unchanged."""
    drawn = rng.randint(0, GREY)
    return drawn if drawn < GREY or rng.uniform(0, 1) <= grey else UNCHANGED


def mix_channels(images: Tensor, outcomes: Tensor) -> Tensor:
    """Each image with one of its channels in all three places, grey, or unchanged.

    Args:
        images: ``(B, 3, H, W)`` float.
        outcomes: ``(B,)`` int64: 0, 1 or 2 for that channel, 3 for grey (0.2989, 0.5870, 0.1140), 4 for unchanged.
    """
    weights = constant(GREY_WEIGHTS, images)[:, None, None]
    four = torch.cat((images, (weights * images).sum(1, keepdim=True)), 1)
    sources = constant(SOURCES, outcomes)[outcomes]  # (B, 3)
    return four[torch.arange(images.shape[0], device=images.device)[:, None], sources]


class ChannelAugmentation(Augmentation):
    """Two views of every visible image and one of every infrared image.

    All three are padded, cropped, flipped, normalised and erased at random, independently of each other. Then the second visible
    view gets one of its channels in all three places (channel exchange). An infrared image gets the same, or becomes grey, or stays
    unchanged (channel-adaptive grey). Both act on normalised values, as in the authors' code.

    Args:
        padding: pixels that are added on every side before the crop.
        flip_probability: probability that an image is mirrored left to right, in [0, 1].
        erasing_probability: probability that a rectangle is erased, in [0, 1].
        infrared_erasing_probability: the same for infrared images; ``None``: equal to ``erasing_probability``.
        exchange_grey: whether grey is a fourth outcome of channel exchange.
        adaptive_grey: channels are not exchanged in a quarter of the infrared images. This is the share of the quarter that becomes
            grey, in [0, 1]; the rest stays unchanged.
        visible_grey: share of first visible views, in [0, 1], that become grey before normalisation; 0 in CAJ, 0.1 in its
            extension.
        erase_fill: ``"quirk"`` fills with the mean of CIFAR as the public code does, although the image is already normalised
            (about 0.5 standard scores too bright); ``"mean"`` fills with 0, the mean of normalised images.
        pad_fill: colour of the padding. ``black``: the public code pads with black before it normalises. ``mean``: 0 after
            normalisation; needed if ``mean`` or ``std`` is given per modality.
        mean: mean of the three channels, in [0, 1], which is subtracted; or one per modality: ``{visible: [...], infrared: [...]}``.
        std: standard deviation of the three channels, above 0, which divides; or one per modality, as ``mean``.

    Raises:
        SettingsError: a number is out of range.

    Reference:
        Ye, Ruan, Du, Shou: Channel Augmented Joint Learning for Visible-Infrared Recognition, ICCV 2021 (public code). It
        erases if u <= p, and we erase if u < p. This differs for probability 0 only.
    """

    def __init__(
        self,
        padding: int = 10,
        flip_probability: float = 0.5,
        erasing_probability: float = 0.5,
        infrared_erasing_probability: float | None = None,
        exchange_grey: bool = False,
        adaptive_grey: float = 0.5,
        visible_grey: float = 0.0,
        erase_fill: Literal["quirk", "mean"] = "quirk",
        pad_fill: PadFill = "black",
        mean: Statistics = IMAGENET_MEAN,
        std: Statistics = IMAGENET_STD,
    ) -> None:
        super().__init__(mean, std)
        for name, value in (("adaptive_grey", adaptive_grey), ("visible_grey", visible_grey)):
            if not 0 <= value <= 1:
                raise SettingsError(f"`{name}` must be between 0 and 1, got {value}.")
        infrared = erasing_probability if infrared_erasing_probability is None else infrared_erasing_probability
        self._visible, self._infrared = (
            _CropFlipErase(padding, flip_probability, erasing, erase_fill=erase_fill, pad_fill=pad_fill, mean=mean, std=std)
            for erasing in (erasing_probability, infrared)
        )
        self.exchange_grey = exchange_grey
        self.adaptive_grey = adaptive_grey
        self.visible_grey = visible_grey

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Crop, flip, normalisation and erasing; the channels are not changed. See :class:`~vireid.data.Augmentation`."""
        return self._visible(images, key, n_visible)

    def augment(self, batch: Batch) -> Batch:
        """First visible views, second visible views, infrared images."""
        scaled = batch.images if batch.images.is_floating_point() else batch.images.float().div_(255)
        visible, infrared = scaled[: batch.n_visible], scaled[batch.n_visible :]
        keys = [(*batch.key, view) for view in range(3)]
        first = self._visible(_drawn(visible, keys[0], self._draw_grey), keys[0], len(visible))
        second = _drawn(self._visible(visible, keys[1], len(visible)), keys[1], lambda rng: draw_exchange(rng, self.exchange_grey))
        third = _drawn(self._infrared(infrared, keys[2], 0), keys[2], lambda rng: draw_adaptive(rng, self.adaptive_grey))
        return batch.with_views(first, second, infrared=third)

    def _draw_grey(self, rng: random.Random) -> int:
        return GREY if rng.random() < self.visible_grey else UNCHANGED


class _CropFlipErase(CMNASAugmentation):
    """CM-NAS's augmentation with another fill value, also for batches of one modality."""

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        return super().__call__(images, key, n_visible) if len(images) else self.normalise(images, n_visible)

    def finish(self, images: Tensor, rectangles: Tensor, n_visible: int | None) -> Tensor:  # noqa: ARG002 (interface)
        return erase_(images, rectangles, constant(CIFAR_MEAN if self.erase_fill == "quirk" else ZEROS, images))


def _drawn(images: Tensor, key: tuple[int, ...], draw: Callable[[random.Random], int]) -> Tensor:
    """``images`` with the channels that ``draw`` chooses for each image."""
    rng = random.Random(repr(("channels", *key)))
    outcomes = torch.tensor([draw(rng) for _ in range(images.shape[0])], dtype=torch.int64)
    return mix_channels(images, outcomes.to(images.device, non_blocking=True))
