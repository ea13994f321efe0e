"""Decoded images as upright 8-bit RGB, whatever depth, orientation and transparency their files have."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from PIL import Image

from vireid.errors import SettingsError

PixelRange = tuple[float, float]
BACKGROUND = (0, 0, 0, 255)  # black, which also pads images
ORIENTATION = 0x0112  # number of the EXIF tag
LYING = 4  # orientations above it exchange rows and columns
METADATA = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}
WHITE_IS_ZERO, PHOTOMETRIC = 0, 262  # a value and the number of a tag of TIFF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def check_range(pixel_range: Any) -> PixelRange | None:
    """``pixel_range`` as two floats, or ``None``.

    Raises:
        SettingsError: it is not two different finite numbers.
    """
    if pixel_range is None:
        return None
    black, white = map(float, pixel_range) if len(pixel_range) == 2 else (0.0, 0.0)
    if black == white or not math.isfinite(black) or not math.isfinite(white):
        raise SettingsError(f"`pixel_range` must be two different numbers, the value of black and that of white, got {pixel_range!r}.")
    return black, white


def to_rgb(image: Image.Image, pixel_range: PixelRange | None = None) -> Image.Image:
    """An opened image as upright RGB of 8 bits a channel.

    It is turned as its EXIF orientation says. Transparent pixels are laid on black. A single channel becomes three equal channels.
    Whole numbers of 12 or 16 bits are scaled by their depth: 0 becomes 0, and the largest number becomes 255. Of colours with 16 bits a
    channel, the upper 8 bits are kept.

    Args:
        image: as ``Image.open`` gives it.
        pixel_range: values that become black (0) and white (255) in images of more than 8 bits with one channel; values beyond are
            clipped. ``None``: the depth of the file. Images of 8 bits are not changed by it.

    Raises:
        ValueError: the file holds floating-point, signed or 32-bit numbers, whose range it does not say, and ``pixel_range`` is ``None``.
    """
    if image.mode[0] in "IF":
        ends = pixel_range or _range_of(image)
        return _scaled(upright(image), *ends)
    image = upright(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, BACKGROUND), rgba)
    return image if image.mode == "RGB" else image.convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    """The image, turned as its EXIF orientation says."""
    image.load()
    turn = TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1..8; 1 (upright) if there is none."""
    if image.format != "TIFF" and METADATA.isdisjoint(image.info):
        return 1
    try:
        found = image.getexif().get(ORIENTATION)
    except Exception:  # damaged metadata can raise anything; the pixels may be whole
        return 1
    return found if isinstance(found, int) and found in TURNS else 1


def raw_mode(image: Image.Image) -> str:
    """Pillow's name of how the file stores a pixel, such as ``I;16B``; known until the image is loaded."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else image.mode
    return str(arguments if isinstance(arguments, str) else arguments[0])


def bits(image: Image.Image) -> int:
    """Bits of a channel in the file; known until the image is loaded."""
    depth = re.match(r"(?:I|F|L|LA|RGB|RGBA|RGBX|P);(\d+)", raw_mode(image))
    return int(depth[1]) if depth else {"1": 1, "I": 32, "F": 32}.get(image.mode, 8)


def _range_of(image: Image.Image) -> PixelRange:
    """Values of black and white by the depth of whole numbers without sign."""
    name = raw_mode(image)
    if not re.fullmatch(r"I;1[26][BLNR]*", name):
        kind = "floating-point numbers" if image.mode == "F" else "signed or 32-bit numbers"
        raise ValueError(
            f"its values are {kind}, and the file does not say which are black and white; set `pixel_range`, or convert it to 8 or 16 bits"
        )
    white = 2.0 ** bits(image) - 1
    inverted = getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
    return (white, 0.0) if inverted else (0.0, white)


def _scaled(image: Image.Image, black: float, white: float) -> Image.Image:
    values = np.asarray(image)
    grey = np.nan_to_num((values.astype(np.float64) - black) * (255 / (white - black)), nan=0.0)
    grey = np.clip(np.rint(grey), 0, 255)
    if isinstance(image.info.get("transparency"), int):  # one value stands for transparent pixels
        grey[values == image.info["transparency"]] = BACKGROUND[0]
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
