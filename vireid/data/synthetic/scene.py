"""Background and foreground: one static scene per camera, and objects in front of people."""

from __future__ import annotations

import numpy as np

from vireid.data.synthetic.difficulty import Difficulty
from vireid.data.synthetic.drawing import Canvas
from vireid.data.synthetic.materials import Sensor
from vireid.data.synthetic.streams import Floats, Purpose, stream, uniform

LARGER = 3  # width of the scene in image widths
CHANNELS: dict[Sensor, int] = {"visible": 3, "near_infrared": 1, "thermal": 1}


def draw_scene(seed: int, camid: int, sensor: Sensor, height: int, width: int) -> Floats:
    """``(C, 1.2 height, LARGER * width)`` scene in front of a camera: wall, floor, boxes, uneven light, fine texture."""
    rng = stream(seed, Purpose.SCENE, camid)
    channels = CHANNELS[sensor]
    rows = round(1.2 * height)
    columns = LARGER * width
    scene = np.empty((channels, rows, columns), dtype=np.float32)
    horizon = int(rows * (0.55 + 0.25 * rng.random()))
    scene[:, :horizon], scene[:, horizon:] = _shade(rng, channels), _shade(rng, channels)
    for _ in range(14):
        tall, wide = int(rows * (0.08 + 0.5 * rng.random())), int(columns * (0.02 + 0.14 * rng.random()))
        y, x = int(rng.integers(0, rows - tall)), int(rng.integers(0, columns - wide))
        scene[:, y : y + tall, x : x + wide] = _shade(rng, channels)
    grain = 0.03 * rng.standard_normal((1, rows, columns), dtype=np.float32)
    lit: Floats = scene * (1 + 0.35 * _smooth(rng, rows, columns)) + grain
    return lit.astype(np.float32)


def crop_scenes(scene: Floats, rng: np.random.Generator, count: int, height: int, width: int, contrast: float) -> Floats:
    """``(count, C, height, width)`` random cuts, with ``contrast`` around the mean of the whole scene."""
    tops = rng.integers(0, scene.shape[1] - height + 1, size=count)
    lefts = rng.integers(0, scene.shape[2] - width + 1, size=count)
    mean = scene.mean((1, 2), keepdims=True)
    calm = mean + np.float32(contrast) * (scene - mean)
    return np.stack([calm[:, y : y + height, x : x + width] for y, x in zip(tops, lefts, strict=True)])


def ambient(pixels: Floats, rng: np.random.Generator) -> Floats:
    """Make the scenes thermal surroundings, in place: cool, with another temperature in every image."""
    warmth = uniform(rng, 0.0, 0.35, len(pixels))[:, None, None, None]
    pixels *= np.float32(0.25)
    pixels += warmth
    return pixels


def draw_occluders(canvas: Canvas, rng: np.random.Generator, difficulty: Difficulty) -> None:
    """Draw posts and boxes in front of the people in a share of the images. Their colour and place do not depend on the person."""
    count, channels, height, width = canvas.pixels.shape
    rows = np.asarray(rng.random(count) < difficulty.occlusion)
    colour = uniform(rng, 0.15, 0.8, count, channels)
    x, top, half = uniform(rng, 0, width, count), uniform(rng, 0.3, 0.75, count) * height, uniform(rng, 0.06, 0.2, count) * width
    bottom = np.full_like(x, height + 2)
    canvas.trunk(np.stack([x, top], 1), np.stack([x, bottom], 1), (half, half, half), colour, rows=rows)


def _shade(rng: np.random.Generator, channels: int) -> Floats:
    return (uniform(rng, 0.2, 0.8, 1, 1, 1) + uniform(rng, -0.1, 0.1, channels, 1, 1)).astype(np.float32)


def _smooth(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """``(1, rows, columns)`` slow variation in [-1, 1]: bilinear between random knots."""
    knots = uniform(rng, -1, 1, 5, 9)
    y, x = np.linspace(0, 3.999, rows), np.linspace(0, 7.999, columns)
    i, j = y.astype(int), x.astype(int)
    v, u = (y - i)[:, None].astype(np.float32), (x - j)[None].astype(np.float32)
    top = knots[i][:, j] * (1 - u) + knots[i][:, j + 1] * u
    bottom = knots[i + 1][:, j] * (1 - u) + knots[i + 1][:, j + 1] * u
    blend: Floats = top * (1 - v) + bottom * v
    return blend[None]
