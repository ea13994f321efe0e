"""Reading one image file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vireid.errors import BadImageError, DatasetNotFoundError


def read_image(path: str, height: int, width: int) -> NDArray[np.uint8]:
    """Image file as ``(height, width, 3)`` uint8 RGB, resized with the Lanczos filter. A single channel becomes three equal channels.

    Raises:
        DatasetNotFoundError: the file does not exist.
        BadImageError: the file is empty, truncated or not an image.
    """
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        if rgb.size != (width, height):
            rgb = rgb.resize((width, height), Image.Resampling.LANCZOS)
        return np.asarray(rgb)
    except FileNotFoundError:
        raise DatasetNotFoundError(f"There is no image {path!r}, although the dataset's lists or folders name it.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadImageError(f"Cannot read image {path!r}: {_reason(path, error)}. Replace the file, or see `on_bad_image`.") from error


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "the file is empty (0 bytes)" if Path(path).stat().st_size == 0 else "it is not an image in a known format"
    return str(error).rstrip(".") or type(error).__name__
