"""Reading of image files. All images are opened here, and in no other place."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vireid.data.pixels import LYING, PixelRange, orientation, to_rgb
from vireid.errors import BadImageError, DatasetNotFoundError, VireidError
from vireid.files import open_regular

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
"""Formats that are read, by content. Pillow knows more, and some of them start other programs (EPS starts Ghostscript)."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MAX_PIXELS = 50_000_000
"""Largest number of pixels of an image; its header is checked before memory is taken. As RGB, such an image takes 150 MB."""

BUFFER = 1 << 16  # bytes of a read: most images of people need one


@contextlib.contextmanager
def open_image(path: str, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image file to decode it. Whatever decoding raises inside the block becomes a ``BadImageError``.

    Args:
        path: a regular file in one of :data:`FORMATS`. A pipe, a device or a folder is refused at once and never waited for.
        max_pixels: largest allowed number of pixels.

    Raises:
        DatasetNotFoundError: the file does not exist.
        BadImageError: the file is empty, truncated, too large, not a regular file, or not an image in one of the formats.
    """
    try:
        with open_regular(path, BUFFER) as file, Image.open(_not_empty(file), formats=FORMATS) as image:
            _check_size(image, max_pixels)
            yield image
    except FileNotFoundError:
        raise DatasetNotFoundError(f"There is no image {path!r}, although the dataset's lists or folders name it.") from None
    except VireidError:
        raise
    except Exception as error:  # a damaged file can raise anything in a decoder
        raise BadImageError(f"Cannot read image {path!r}: {_reason(error)}. Replace the file.") from error


def decoded_image(content: bytes, name: str) -> Image.Image:
    """The image of a file's content, decoded; bounds are those of ``open_image``.

    Args:
        content: bytes of a file in one of :data:`FORMATS`.
        name: how the message calls it.

    Raises:
        BadImageError: it is damaged, too large, or not an image in one of the formats.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(image, MAX_PIXELS)
        image.load()
    except Exception as error:  # a damaged file can raise anything in a decoder
        raise BadImageError(f"{name} cannot be read: {_reason(error)}.") from error
    return image


def read_image(path: str, height: int, width: int, pixel_range: PixelRange | None = None, draft: bool = False) -> NDArray[np.uint8]:
    """Image file as ``(height, width, 3)`` uint8 RGB, resized with the Lanczos filter.

    A single channel becomes three equal channels. Depth, orientation and transparency: see ``to_rgb``.

    Args:
        path: the file.
        height, width: size of the result, in pixels.
        pixel_range: values that become black and white in images of more than 8 bits with one channel; ``None``: their depth.
        draft: whether a JPEG file of at least twice the size, in both directions, is decoded at a half, a quarter or an eighth of its own
            size first, the smallest that is not below the result. libjpeg then leaves out fine detail before it is computed.

    Raises:
        DatasetNotFoundError: the file does not exist.
        BadImageError: the file cannot be read, see ``open_image``.

    Example::

        pixels = read_image("cam3/0001/0001.jpg", height=256, width=128)  # (256, 128, 3), uint8
    """
    with open_image(path) as image:
        if draft:
            image.draft(None, (height, width) if orientation(image) > LYING else (width, height))  # None keeps the mode
        return resized(to_rgb(image, pixel_range), height, width)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise ValueError(f"it has {image.width} x {image.height} pixels, more than {max_pixels:,}")


def resized(rgb: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    """``(height, width, 3)`` pixels of an RGB image, by the Lanczos filter if its size is another one."""
    if rgb.size != (width, height):
        rgb = rgb.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def _not_empty(file: IO[bytes]) -> IO[bytes]:
    if os.fstat(file.fileno()).st_size == 0:
        raise ValueError("the file is empty (0 bytes)")
    return file


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it is not an image in a known format ({', '.join(FORMATS)})"
    return (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".") or type(error).__name__
