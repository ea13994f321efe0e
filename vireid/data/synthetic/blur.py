"""Gaussian blur of a batch of images by shifted sums. Results are equal for any number of threads."""

from __future__ import annotations

import numpy as np

from vireid.data.synthetic.streams import Floats


def gaussian_blur(pixels: Floats, sd: Floats, reach: float) -> Floats:
    """Blur along rows and columns. Border pixels are repeated outside the image.

    Args:
        pixels: ``(N, C, H, W)`` images.
        sd: ``(N,)`` standard deviation of every image's kernel, in pixels.
        reach: the kernels end at this many times the largest standard deviation.
    """
    return _blur(_blur(pixels, sd, 2, reach), sd, 3, reach)


def _blur(pixels: Floats, sd: Floats, axis: int, reach: float) -> Floats:
    radius = max(1, int(np.ceil(reach * float(sd.max()))))
    steps = np.arange(-radius, radius + 1, dtype=np.float32)
    kernel = np.exp(-0.5 * (steps[:, None] / np.maximum(sd, 0.05)) ** 2).astype(np.float32)
    kernel = (kernel / kernel.sum(0))[..., None, None, None]
    padding = [(radius, radius) if axis == dim else (0, 0) for dim in range(4)]
    padded, size = np.pad(pixels, padding, mode="edge"), pixels.shape[axis]
    shifted = [_cut(padded, step, size, axis) for step in range(len(steps))]
    blurred: Floats = kernel[0] * shifted[0]
    for weight, part in zip(kernel[1:], shifted[1:], strict=True):
        blurred += weight * part
    return blurred


def _cut(pixels: Floats, start: int, size: int, axis: int) -> Floats:
    return pixels[:, :, start : start + size] if axis == 2 else pixels[..., start : start + size]
