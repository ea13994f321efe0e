"""Worlds: effects of an infrared camera beyond low contrast. In each world, another place in the network is best to separate modalities."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from vireid.data.synthetic.blur import gaussian_blur
from vireid.data.synthetic.cameras import MIDDLE
from vireid.data.synthetic.streams import Floats, uniform

WorldName = Literal["contrast", "detail", "noise", "lamp", "bars", "exposure", "mixed"]

BAND_SD = 0.7199
"""Deviation of the band in :func:`noise`: root mean square over all pixels of 4000 images of 128 x 64, standard error .0002. If the
deviation of each image is replaced by its expectation, it is the closed form .7197, from the traces of the blurs' matrices."""


class World(Protocol):
    """A last step of the infrared sensor."""

    def __call__(self, images: Floats, rng: np.random.Generator) -> Floats:
        """Images that the camera writes.

        Args:
            images: ``(N, 1, H, W)`` float32 in [0, 1], multiples of 1/255.
            rng: stream of the world alone; every draw is one number per image and does not depend on the person.

        Returns:
            ``(N, 1, H, W)`` float32, before rounding; values outside [0, 1] are cut.
        """
        ...


def contrast(images: Floats, rng: np.random.Generator) -> Floats:  # noqa: ARG001 - nothing is drawn
    """No further effect, as a control: low contrast is the whole gap, and two numbers per modality remove it."""
    return images


def detail(images: Floats, rng: np.random.Generator) -> Floats:  # noqa: ARG001 - nothing is drawn
    """Detail enhancement of infrared cameras: slow changes of lightness are removed."""
    return _enhanced(images, 1)


def noise(images: Floats, rng: np.random.Generator) -> Floats:
    """Fine grain of an infrared sensor: noise of one band of frequencies, deviation .2."""
    grain = _smooth(rng.standard_normal(images.shape, dtype=np.float32), 1)
    grain /= grain.std(axis=(1, 2, 3), keepdims=True)
    noisy: Floats = images + np.float32(0.2 / BAND_SD) * (grain - _smooth(grain, 2))
    return noisy


def lamp(images: Floats, rng: np.random.Generator) -> Floats:
    """An infrared lamp: a bright spot at a random place, and a dark rest."""
    count, _, height, width = images.shape
    depth, y, x = (_per_image(uniform(rng, low, high, count)) for low, high in ((0.6, 1), (-0.6, 0.6), (-0.3, 0.3)))
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(width / height)
    distance2 = (rows - y) ** 2 + (columns - x) ** 2
    lit: Floats = _full_contrast(images) * (1 - depth + depth * np.exp(-distance2 / np.float32(2 * 0.45**2)))
    return lit


def bars(images: Floats, rng: np.random.Generator) -> Floats:  # noqa: ARG001 - nothing is drawn
    """A letterbox: black bars above and below, the same in every image."""
    height = images.shape[2]
    bar = round(12 * height / 128)
    framed: Floats = images.copy()
    framed[:, :, :bar] = framed[:, :, height - bar :] = 0
    return framed


def exposure(images: Floats, rng: np.random.Generator) -> Floats:
    """An unstable gain control: another contrast and level in every image."""
    gain = _per_image(np.exp(uniform(rng, -2.2, 0, len(images))))
    level = _per_image(uniform(rng, -0.35, 0.35, len(images)))
    exposed: Floats = np.float32(0.5) + gain * (_full_contrast(images) - np.float32(0.5)) + level
    return exposed


def mixed(images: Floats, rng: np.random.Generator) -> Floats:
    """``detail``, four times as strong, behind ``bars``."""
    return bars(_enhanced(images, 4), rng)


WORLDS: dict[WorldName, World] = {
    "contrast": contrast,
    "detail": detail,
    "noise": noise,
    "lamp": lamp,
    "bars": bars,
    "exposure": exposure,
    "mixed": mixed,
}


def _full_contrast(images: Floats) -> Floats:
    """Undo the ``infrared_contrast`` of the benchmark, one half."""
    full: Floats = np.float32(MIDDLE) + 2 * (images - np.float32(MIDDLE))
    return full


def _enhanced(images: Floats, gain: float) -> Floats:
    enhanced: Floats = np.float32(0.5) + np.float32(gain) * (images - _smooth(images, 5))
    return enhanced


def _smooth(images: Floats, sd: float) -> Floats:
    """Gaussian blur, ``sd`` in pixels of a 128 pixel high image."""
    return gaussian_blur(images, np.full(len(images), sd * images.shape[2] / 128, dtype=np.float32), reach=3)


def _per_image(values: Floats) -> Floats:
    return values[:, None, None, None]
