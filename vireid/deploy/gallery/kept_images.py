"""What a gallery keeps of an image: a digest, a small picture, and the file itself if that is wished."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from vireid.data.image_files import decoded_image
from vireid.data.pixels import PixelRange
from vireid.deploy.pictures import Picture
from vireid.errors import BadImageError
from vireid.structures import Modality

SIDE = 256
"""Largest side of a thumbnail, in pixels."""

QUALITY = 80  # of its JPEG


class KeptImage:
    """Digest, thumbnail and original of one picture.

    Args:
        picture: image, or part of one.
        modality: its sensor.
        keep: whether the original is kept.
        pixel_range: see ``to_rgb``.

    Attributes:
        path: absolute path of the file; ``None`` if there is none.
        digest: SHA-256 of the file or of the pixels, of the box, and of the modality.
        thumbnail: JPEG.
        original: the file as it is, or a PNG of the part or of the pixels; ``None`` if it is not kept.

    Raises:
        VireidError: the image cannot be read, or the box lies outside.
    """

    def __init__(self, picture: Picture, modality: Modality, keep: bool, pixel_range: PixelRange | None = None) -> None:
        rgb = picture.rgb(pixel_range)
        is_file = isinstance(picture.source, (str, os.PathLike))
        content = _content(Path(picture.source)) if is_file else rgb.tobytes()
        self.path = os.path.abspath(picture.source) if is_file else None  # noqa: PTH100 (a link stays a link)
        self.digest = digest_of(content, picture.box if is_file else None, modality, "" if is_file else str(rgb.size))
        self.thumbnail = thumbnail(rgb)
        self.original = None if not keep else content if is_file and picture.box is None else png(rgb)


def digest_of(content: bytes, box: Any, modality: Modality, size: str = "") -> bytes:
    """SHA-256 of what is embedded."""
    about = f"{modality.name} {size} {None if box is None else [float(number) for number in box]} "
    return hashlib.sha256(about.encode() + content).digest()


def file_is(path: str, digest: bytes | None, box: Any, modality: Modality) -> bool:
    """Whether a file still is what it was when it was added."""
    try:
        return digest_of(Path(path).read_bytes(), box, modality) == digest
    except OSError:
        return False


def opened(original: bytes, number: int) -> Image.Image:
    """A kept original as an image.

    Raises:
        BadImageError: it is damaged.
    """
    return decoded_image(original, f"The kept original of image {number}")


def thumbnail(rgb: Image.Image) -> bytes:
    """JPEG of an RGB image whose sides are at most :data:`SIDE`; it holds nothing but pixels."""
    small = rgb.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def png(rgb: Image.Image) -> bytes:
    """PNG of an RGB image, without loss."""
    file = io.BytesIO()
    rgb.save(file, "PNG")
    return file.getvalue()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadImageError(f"Cannot read image {os.fspath(path)!r}: {error.strerror or error}.") from error
