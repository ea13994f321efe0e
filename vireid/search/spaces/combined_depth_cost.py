"""What blocks of CNet and CDNet cost, by formula: nothing is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vireid.models.trunks.cdnet import Place
from vireid.models.trunks.cdnet_blocks import SQUEEZE
from vireid.structures.cdnet_sites import Layer


class Price(NamedTuple):
    """Of one part of a trunk, for one image.

    Attributes:
        parameters: trainable.
        statistics: values of running means and variances.
        multiply_adds: of convolutions, and one for each output of a layer with bias; as published, the gate counts for each branch.
    """

    parameters: int
    statistics: int
    multiply_adds: int


def total(prices: Sequence[Price]) -> Price:
    """Sum of all parts.

    Example:
        >>> total([Price(1, 2, 3), Price(10, 20, 30)])
        Price(parameters=11, statistics=22, multiply_adds=33)
    """
    return Price(*(sum(values) for values in zip(*prices, strict=True)))


def block_price(place: Place, layer: Layer, pixels: int, fuse: bool) -> Price:
    """One operation at one place, on maps of so many pixels."""
    repeats = layer[2] if len(layer) == 3 else 1
    inputs = [place.in_channels, *[place.out_channels] * (repeats - 1)]
    return total([_combined_block(channels, place.out_channels, layer[:2], pixels, fuse) for channels in inputs])


def frame_price(planes: Sequence[int], height: int, width: int, small: bool) -> Price:
    """Stem and halvings of a trunk for images of this size."""
    kernel, stride, reduction = (3, 1, 1) if small else (7, 2, 4)
    parts = [_convolution(3 * kernel**2, planes[0], (height // stride) * (width // stride))]
    for stage, channels in enumerate(planes[1:-1]):
        factor = reduction * 2**stage
        parts.append(_convolution(channels, channels, (height // factor) * (width // factor)))
    return total(parts)


def _combined_block(in_channels: int, out_channels: int, kernels: Sequence[int], pixels: int, fuse: bool) -> Price:
    middle = out_channels // SQUEEZE
    parts = [_convolution(in_channels, middle, pixels), _convolution(middle, out_channels, pixels)]
    parts += [_convolution(middle + 9, middle, pixels)] * sum(kernel // 2 for kernel in kernels)
    if fuse:
        narrow = middle // SQUEEZE
        gate = 2 * middle * narrow + middle + narrow
        parts.append(Price(gate, 0, 2 * gate))
    if in_channels != out_channels:
        parts.append(_convolution(in_channels, out_channels, pixels))
    return total(parts)


def _convolution(inputs: int, outputs: int, pixels: int) -> Price:
    """Convolution with so many weights for each output, and its batch normalisation."""
    return Price(inputs * outputs + 2 * outputs, 2 * outputs, inputs * outputs * pixels)
