"""Images as a caller has them (files, PIL images, arrays, tensors), as pixels of one size; without torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vireid.data.image_files import MAX_PIXELS, open_image, resized
from vireid.data.pixels import PixelRange, to_rgb
from vireid.errors import BadImageError, DatasetNotFoundError, MissingFileError, SettingsError
from vireid.structures import Modality

Box = tuple[float, float, float, float]
GREY_LEVELS = 4.0
"""Mean difference of channels, in levels of 255, from which an image is a colour image; compression of a grey one leaves less."""


@dataclass(frozen=True)
class Picture:
    """One image, or a part of one.

    Attributes:
        source: path, PIL image, array or tensor.
        name: how messages call it.
        box: part of it: left, top, right, bottom, in pixels of the upright image; ``None`` for all of it.
    """

    source: Any
    name: str
    box: Box | None = None

    def rgb(self, pixel_range: PixelRange | None = None) -> Image.Image:
        """Upright, in RGB of 8 bits, cropped.

        Raises:
            MissingFileError: no such file.
            BadImageError: it cannot be read, or is no image.
            SettingsError: the box lies outside.
        """
        with _opened(self.source, self.name) as image:
            rgb = to_rgb(image, pixel_range)
        return rgb if self.box is None else rgb.crop(_inside(self.box, rgb.size, self.name))

    def pixels(self, height: int, width: int, pixel_range: PixelRange | None = None) -> NDArray[np.uint8]:
        """``(height, width, 3)`` pixels of :meth:`rgb`."""
        return resized(self.rgb(pixel_range), height, width)


def pictures(images: Any, boxes: Any = None) -> list[Picture]:
    """Every image of a call, with its box.

    Args:
        images: one image, or several. A tensor or an array of four dimensions is a batch.
        boxes: ``(N, 4)``, one for each image; for a single image, any number of boxes.

    Raises:
        SettingsError: boxes are no four ascending numbers, or not as many as images.
    """
    single = _is_single(images)
    sources = [images] if single else list(images)
    names = [os.fspath(source) if isinstance(source, (str, os.PathLike)) else f"image {row}" for row, source in enumerate(sources)]
    if boxes is None:
        return [Picture(source, name) for source, name in zip(sources, names, strict=True)]
    found = [_box(box) for box in (boxes if np.ndim(boxes) != 1 else [boxes])]
    if single:
        sources, names = sources * len(found), names * len(found)
    if len(found) != len(sources):
        raise SettingsError(f"`boxes` must hold one box for each image, got {len(found)} for {len(sources)} images.")
    return [Picture(source, name, box) for source, name, box in zip(sources, names, found, strict=True)]


def looks_coloured(pixels: NDArray[np.uint8]) -> bool:
    """Whether the channels of ``(H, W, 3)`` pixels differ by more than what compression leaves.

    Example:
        >>> looks_coloured(np.full((2, 2, 3), 9, np.uint8)), looks_coloured(np.array([[[9, 90, 9]]], np.uint8))
        (False, True)
    """
    values = pixels.astype(np.int16)
    return bool((values.max(2) - values.min(2)).mean() > GREY_LEVELS)


def as_modality(modality: Any) -> Modality:
    """The modality of a name or number.

    Raises:
        SettingsError: it is none.

    Example:
        >>> as_modality("infrared")
        <Modality.INFRARED: 1>
    """
    try:
        return Modality[modality.upper()] if isinstance(modality, str) else Modality(modality)
    except (KeyError, ValueError):
        raise SettingsError(f"`modality` must be visible or infrared, got {modality!r}.") from None


def _is_single(images: Any) -> bool:
    if isinstance(images, (str, os.PathLike, Image.Image)):
        return True
    return getattr(images, "ndim", 0) in (2, 3)


@contextmanager
def _opened(source: Any, name: str) -> Iterator[Image.Image]:
    if isinstance(source, (str, os.PathLike)):
        try:
            with open_image(os.fspath(source)) as image:
                yield image
        except DatasetNotFoundError:
            raise MissingFileError(f"There is no image file {name!r}.") from None
        return
    image = source if isinstance(source, Image.Image) else _from_numbers(source, name)
    if image.width * image.height > MAX_PIXELS:
        raise BadImageError(f"Cannot take {name}: it has {image.width} x {image.height} pixels, more than {MAX_PIXELS:,}.")
    try:
        yield image
    except (OSError, ValueError, SyntaxError) as error:  # of a file that PIL opened and reads now
        if isinstance(error, SettingsError):
            raise
        raise BadImageError(f"Cannot take {name}: {error}.") from error


def _from_numbers(source: Any, name: str) -> Image.Image:
    """PIL image of an array, ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or ``(H, W, 4)``, or of a tensor with the channels first."""
    is_tensor = hasattr(source, "detach")
    values = np.asarray(source.detach().cpu() if is_tensor else source)
    if is_tensor and values.ndim == 3:
        values = np.moveaxis(values, 0, 2)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)) or 0 in values.shape:
        form = "(3, H, W) or (H, W) as a tensor" if is_tensor else "(H, W, 3) or (H, W) as an array"
        raise BadImageError(f"Cannot take {name}: its shape is {tuple(np.shape(source))}, and an image is {form}.")
    if values.dtype.kind == "f":
        values = _from_fractions(values, name)
    if values.dtype != np.uint8 and not (values.dtype == np.uint16 and values.ndim == 2):
        raise BadImageError(
            f"Cannot take {name}: its numbers are {values.dtype}; give uint8, fractions in [0, 1], or uint16 of one channel."
        )
    return Image.fromarray(np.ascontiguousarray(values))


def _from_fractions(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise BadImageError(f"Cannot take {name}: its numbers are fractions, of which one is not in [0, 1].")
    return np.asarray(np.rint(values * 255), np.uint8)


def _box(box: Sequence[float]) -> Box:
    try:
        left, top, right, bottom = (float(number) for number in box)
    except (TypeError, ValueError):
        raise SettingsError(f"A box must be four numbers, left, top, right and bottom in pixels, got {box!r}.") from None
    if not (left < right and top < bottom and np.isfinite([left, top, right, bottom]).all()):
        raise SettingsError(f"A box must have its left before its right and its top above its bottom, got {(left, top, right, bottom)}.")
    return left, top, right, bottom


def _inside(box: Box, size: tuple[int, int], name: str) -> tuple[int, int, int, int]:
    """The part of a box, in whole pixels, that lies in the image."""
    width, height = size
    left, top = max(0, int(np.floor(box[0]))), max(0, int(np.floor(box[1])))
    right, bottom = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    if left >= right or top >= bottom:
        raise SettingsError(f"The box {box} lies outside of {name}, which has {width} x {height} pixels.")
    return left, top, right, bottom
