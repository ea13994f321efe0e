"""Soft-edged shapes for a whole batch of images. Each shape is drawn only in the pixel window that it covers in any image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vireid.data.synthetic.streams import Floats, Rows

Number = TypeVar("Number", bound=np.generic)

Layer = tuple[Floats, Callable[["Local"], Floats]]  # (N, C) colour and its share (n, h, w) in [0, 1]


@dataclass(frozen=True)
class Local:
    """Coordinates within a shape, ``(n, h, w)``; ``rows`` are the numbers of these n images among the N.

    Attributes:
        across: -1..1 from the left to the right outline.
        along: 0..1 from start to end.
        length: ``(n, 1, 1)`` pixels from start to end.
    """

    rows: Rows
    across: Floats
    along: Floats
    length: Floats

    def pick(self, values: NDArray[Number]) -> NDArray[Number]:
        """``(N,)`` values as ``(n, 1, 1)``."""
        return values[self.rows][:, None, None]


def column(values: Floats) -> Floats:
    """``(n,)`` as ``(n, 1, 1)``."""
    return values[:, None, None]


def ramp(distance: Floats) -> Floats:
    """0 outside, 1 inside, linear within one pixel: anti-aliasing without supersampling."""
    inside: Floats = np.clip(distance + np.float32(0.5), 0, 1)
    return inside


class Canvas:
    """Batch of images to paint on.

    Args:
        pixels: ``(N, C, H, W)`` float32, painted in place.
        light: ``(N,)`` -1..1, side from which the light comes; shapes are shaded as if they were round.
    """

    def __init__(self, pixels: Floats, light: Floats) -> None:
        self.pixels = pixels
        self.light = light

    def capsule(
        self,
        start: Floats,
        end: Floats,
        radii: tuple[Floats, Floats],
        colour: Floats,
        layers: Sequence[Layer] = (),
        rows: Rows | None = None,
    ) -> None:
        """A limb from ``start`` to ``end``, ``(N, 2)`` pixels, with ``(N,)`` radii at both ends; drawn in the images ``rows`` only."""
        rows = np.ones(len(self.pixels), dtype=bool) if rows is None else rows
        reach = np.maximum(*radii)[:, None] + 1
        window = self._window(np.minimum(start, end) - reach, np.maximum(start, end) + reach, rows)
        if window is None:
            return
        ys, xs = self._grid(window)
        x, y = xs - column(start[rows, 0]), ys - column(start[rows, 1])
        dx, dy = column((end - start)[rows, 0]), column((end - start)[rows, 1])
        length2 = dx * dx + dy * dy + np.float32(1e-3)
        along = np.clip((x * dx + y * dy) / length2, 0, 1)
        radius = column(radii[0][rows]) + along * column((radii[1] - radii[0])[rows])
        x, y = x - along * dx, y - along * dy
        side = np.where(dy < 0, np.float32(-1), np.float32(1)) / np.sqrt(length2)
        across = np.clip((x * dy - y * dx) * side / radius, -1, 1)
        alpha = ramp(radius - np.sqrt(x * x + y * y))
        self._paint(window, alpha, colour, layers, Local(rows, across, along, np.sqrt(length2)))

    def ellipse(
        self, centre: Floats, radii: tuple[Floats, Floats], colour: Floats, rows: Rows | None = None, below: Floats | None = None
    ) -> None:
        """An upright ellipse with ``(N,)`` half axes (x, y); ``below`` cuts off what is under that height, ``(N,)`` pixels."""
        rows = np.ones(len(self.pixels), dtype=bool) if rows is None else rows
        reach = np.stack(radii, 1) + 1
        window = self._window(centre - reach, centre + reach, rows)
        if window is None:
            return
        ys, xs = self._grid(window)
        wide, tall = column(radii[0][rows]), column(radii[1][rows])
        across, upright = (xs - column(centre[rows, 0])) / wide, (ys - column(centre[rows, 1])) / tall
        alpha = ramp((1 - np.sqrt(across * across + upright * upright)) * np.minimum(wide, tall))
        if below is not None:
            alpha = alpha * ramp(column(below[rows]) - ys)
        self._paint(window, alpha, colour, (), Local(rows, np.clip(across, -1, 1), upright, 2 * tall))

    def trunk(
        self,
        top: Floats,
        bottom: Floats,
        widths: tuple[Floats, Floats, Floats],
        colour: Floats,
        layers: Sequence[Layer] = (),
        rows: Rows | None = None,
        slope: Floats | None = None,
    ) -> None:
        """A body between two heights with a quadratic outline.

        Args:
            top, bottom: ``(N, 2)`` pixels, ends of the centre line.
            widths: ``(N,)`` half widths in pixels at the top, the middle and the bottom.
            colour: ``(N, C)`` colour of the body.
            layers: layers that are painted over the colour.
            rows: images that have the body; ``None`` means all.
            slope: ``(N,)`` half width at the very top, which widens at 45 degrees: shoulders.
        """
        rows = np.ones(len(self.pixels), dtype=bool) if rows is None else rows
        reach = np.stack([np.max(widths, axis=0) + 1, np.ones_like(widths[0])], 1)
        window = self._window(np.minimum(top, bottom) - reach, np.maximum(top, bottom) + reach, rows)
        if window is None:
            return
        ys, xs = self._grid(window)
        length = np.maximum(column((bottom - top)[rows, 1]), 1)
        down = ys - column(top[rows, 1])
        along = np.clip(down / length, 0, 1)
        first, middle, last = (column(width[rows]) for width in widths)
        half = first + along * (4 * middle - 3 * first - last + along * (2 * first + 2 * last - 4 * middle))
        if slope is not None:
            half = np.minimum(half, column(slope[rows]) + np.float32(2.2) * np.maximum(down, 0))
        half = np.maximum(half, np.float32(0.5))
        x = xs - column(top[rows, 0]) - along * column((bottom - top)[rows, 0])
        alpha = ramp(half - np.abs(x)) * ramp(down) * ramp(length - down)
        self._paint(window, alpha, colour, layers, Local(rows, np.clip(x / half, -1, 1), along, length))

    def _paint(self, window: tuple[slice, slice], alpha: Floats, colour: Floats, layers: Sequence[Layer], local: Local) -> None:
        paint = colour[local.rows][:, :, None, None]
        for other, share in layers:
            paint = paint + share(local)[:, None] * (other[local.rows][:, :, None, None] - paint)
        shade = 1 + np.float32(0.16) * column(self.light[local.rows]) * local.across - np.float32(0.12) * local.across * local.across
        region = (slice(None), slice(None), *window)
        if local.rows.all():
            view = self.pixels[region]
            view += alpha[:, None] * (paint * shade[:, None] - view)
        else:
            part = self.pixels[local.rows, :, window[0], window[1]]
            self.pixels[local.rows, :, window[0], window[1]] = part + alpha[:, None] * (paint * shade[:, None] - part)

    def _window(self, low: Floats, high: Floats, rows: Rows) -> tuple[slice, slice] | None:
        """Pixels (rows, columns) between the outermost corners over the images ``rows``; ``None`` where there are none."""
        if not rows.any():
            return None
        height, width = self.pixels.shape[2:]
        x0, y0 = np.maximum(np.floor(low[rows].min(0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(high[rows].max(0)).astype(int) + 1, (width, height))
        return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None

    @staticmethod
    def _grid(window: tuple[slice, slice]) -> tuple[Floats, Floats]:
        ys = np.arange(window[0].start, window[0].stop, dtype=np.float32)[None, :, None]
        xs = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, None, :]
        return ys, xs
