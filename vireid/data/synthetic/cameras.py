"""Cameras: their view and the distortion of their sensors, drawn from the camera number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vireid.data.synthetic.blur import gaussian_blur
from vireid.data.synthetic.difficulty import Difficulty
from vireid.data.synthetic.materials import Sensor
from vireid.data.synthetic.streams import Floats, Purpose, normal, stream, uniform

YAWS = np.array([0.0, -0.5, 0.5, -0.9, 0.9, np.pi - 0.4], dtype=np.float32)
VIEWS = 3  # of YAWS, per camera
MIDDLE = 0.55  # grey that a change of contrast keeps


@dataclass(frozen=True)
class Camera:
    """Fixed properties of one camera.

    Attributes:
        yaws: ``(VIEWS,)`` radians, the directions from which people are seen.
        pitch: radians, positive looks down.
        gain, offset, gamma, white: brightness; ``white`` is ``(C, 1, 1)``, one factor per channel.
        contrast: factor around :data:`MIDDLE`.
        blur: standard deviation in pixels of a 128 pixel high image.
        noise: standard deviation in [0, 1] intensities.
        light: -1..1, side from which the light comes.
        vignette: darkening in the corners, 0..1.
    """

    yaws: Floats
    pitch: float
    gain: float
    offset: float
    gamma: float
    white: Floats
    contrast: float
    blur: float
    noise: float
    light: float
    vignette: float


def draw_camera(seed: int, camid: int, sensor: Sensor, difficulty: Difficulty) -> Camera:
    """The camera with this number."""
    rng = stream(seed, Purpose.CAMERA, camid)
    gap = difficulty.camera_gap
    yaws = np.sort(rng.permutation(YAWS)[:VIEWS])
    pitch, gain, offset, gamma, light, vignette, blur, noise = (float(value) for value in rng.random(8))
    white = 1 + gap * uniform(rng, -0.16, 0.16, 3, 1, 1)
    infrared = sensor != "visible"
    return Camera(
        yaws=yaws,
        pitch=0.05 + 0.3 * pitch,
        gain=1 + gap * (0.6 * gain - 0.3),
        offset=gap * (0.12 * offset - 0.06),
        gamma=float(np.exp(gap * (0.9 * gamma - 0.45))),
        white=white[:1] * 0 + 1 if infrared else white,
        contrast=difficulty.infrared_contrast if infrared else 1.0,
        blur=0.35 + gap * 0.7 * blur + 0.25 * infrared,
        noise=difficulty.noise * (0.015 + 0.035 * noise + 0.015 * infrared),
        light=gap * (2 * light - 1),
        vignette=gap * 0.35 * vignette,
    )


def expose(pixels: Floats, camera: Camera, exposure: np.random.Generator, noise: np.random.Generator) -> Floats:
    """Image of the sensor from reflected light: ``(N, C, H, W)`` in [0, 1], before rounding. Exposure and noise have one stream each."""
    count, channels, height, width = pixels.shape
    gain = (camera.gain * np.exp(normal(exposure, 0.08, count)))[:, None, None, None]
    blur = camera.blur * uniform(exposure, 0.7, 1.3, count) * height / 128
    ys, xs = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)[None]
    falloff = (1 - camera.vignette * (xs * xs + ys * ys) / 2).astype(np.float32)
    pixels = np.clip(pixels * (gain * falloff).astype(np.float32) + np.float32(camera.offset), 0, 1)
    pixels = _gamma(pixels, camera.gamma) * camera.white
    pixels = np.float32(MIDDLE) + np.float32(camera.contrast) * (pixels - np.float32(MIDDLE))
    pixels = gaussian_blur(pixels, blur, reach=2)
    grain: Floats = np.float32(camera.noise) * noise.standard_normal((count, channels, height, width), dtype=np.float32)
    return pixels + grain


def _gamma(pixels: Floats, gamma: float) -> Floats:
    """``pixels ** gamma`` for pixels in [0, 1], from a table, because a power for every pixel would be the slowest step."""
    steps = 4095
    table = (np.arange(steps + 1, dtype=np.float32) / steps) ** np.float32(gamma)
    curved: Floats = table[(pixels * np.float32(steps) + np.float32(0.5)).astype(np.int32)]
    return curved
