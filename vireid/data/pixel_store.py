"""Decoded images on disk: each is read and resized once, for all runs."""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import __version__ as pillow, features

from vireid.data.image_files import read_image
from vireid.data.pixels import PixelRange
from vireid.errors import BadImageError, DatasetNotFoundError, OutputError
from vireid.files import atomic_file, write_text_atomically
from vireid.locks import FolderLock
from vireid.printable import printable
from vireid.terminal import track

FORM = 1  # of the files
KEY = 16  # bytes of the digest of a path, its size and its time
IN_TURN, AT_ONCE, BETWEEN = 16, 256, 4096  # images of a thread's task; images of all tasks; images between two writes of the index
PIXELS, INDEX, ABOUT = "pixels", "index.npy", "about.json"


class PixelStore:
    """Images of one size, in a file that is mapped into memory and shared by all runs and processes.

    An image is known by its path, its size in bytes and the time of its last change: a file that was changed is read again. A store belongs
    to a version of the decoder. One process writes at a time, and the others wait for it. A process that was killed leaves every image
    that the index names.

    Args:
        height, width: size of the images, in pixels.
        pixel_range: values that become black and white, as in :func:`~vireid.data.image_files.read_image`.
        draft: whether large JPEG files are decoded at a part of their size, as there.
        parent: folder of the stores; ``None``: ``~/.cache/vireid/images``.

    Attributes:
        folder: where this store is.
    """

    def __init__(
        self, height: int, width: int, pixel_range: PixelRange | None = None, parent: Path | None = None, draft: bool = False
    ) -> None:
        self.height, self.width, self.pixel_range, self.draft = height, width, pixel_range, draft
        decoder = {"pillow": pillow, **{name: features.version(name) for name in ("jpg", "libjpeg_turbo", "zlib", "libtiff", "webp")}}
        about = {"form": FORM, "height": height, "width": width, "pixel_range": pixel_range, "decoder": decoder}
        self._about = json.dumps(about | {"draft": True} if draft else about, indent=1)
        parent = Path.home() / ".cache" / "vireid" / "images" if parent is None else parent
        self.folder = parent / f"{height}x{width}-{hashlib.sha256(self._about.encode()).hexdigest()[:12]}"

    @property
    def bytes_of_an_image(self) -> int:
        return 3 * self.height * self.width

    def fill(self, paths: Iterable[str], workers: int = 4) -> None:
        """Decode the images that are not there yet, with a progress bar. An image that cannot be read is left out.

        A full disk ends it with a warning: the images that did not fit are decoded each time that they are needed.

        Args:
            paths: files of images.
            workers: threads that decode.
        """
        wanted = {key: path for path in dict.fromkeys(paths) if (key := _key(path)) is not None}
        if wanted.keys() <= self._known().keys():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FolderLock(self.folder, patience=math.inf):
                write_text_atomically(self.folder / ABOUT, self._about)
                known = self._known()
                self._append(list(known), {key: path for key, path in wanted.items() if key not in known}, workers)
        except (OSError, OutputError) as error:
            reason = getattr(error, "strerror", None) or error
            warnings.warn(
                f"Images cannot be kept in {printable(self.folder)} ({reason}). Training goes on: those that are not there are decoded "
                "each time. Make room, or set `cache_images` to false.",
                stacklevel=2,
            )

    def rows(self, paths: Sequence[str]) -> StoredPixels:
        """The images of ``paths`` that are in the store."""
        known = self._known()
        found = [known.get(key, -1) if (key := _key(path)) is not None else -1 for path in paths]
        return StoredPixels(self.folder / PIXELS, (len(known), 3, self.height, self.width), np.array(found, np.int64))

    def _known(self) -> dict[bytes, int]:
        """Place of every image that the index names, by its key; empty if the files do not fit together."""
        try:
            index = np.load(self.folder / INDEX, allow_pickle=False)
            size = (self.folder / PIXELS).stat().st_size
        except (OSError, ValueError, EOFError):
            return {}
        if index.dtype != np.uint8 or index.ndim != 2 or index.shape[1] != KEY or size < len(index) * self.bytes_of_an_image:
            return {}
        return {key.tobytes(): place for place, key in enumerate(index)}

    def _append(self, keys: list[bytes], missing: dict[bytes, str], workers: int) -> None:
        def decoded(items: Sequence[tuple[bytes, str]]) -> list[tuple[bytes, NDArray[np.uint8] | None]]:
            return [(key, self._decoded(path)) for key, path in items]

        written = len(keys)
        with (self.folder / PIXELS).open("ab") as file, ThreadPoolExecutor(max(1, workers)) as pool:
            file.truncate(len(keys) * self.bytes_of_an_image)  # what a killed process wrote last
            parts = _chunks(_chunks(missing.items(), IN_TURN), max(1, AT_ONCE // IN_TURN))
            images = (found for part in parts for of_task in pool.map(decoded, part) for found in of_task)
            for key, pixels in track(images, "Reading images once", len(missing)):
                if pixels is not None:
                    file.write(pixels.data)
                    keys.append(key)
                if len(keys) >= written + BETWEEN:
                    written = self._name(file, keys)
            self._name(file, keys)

    def _decoded(self, path: str) -> NDArray[np.uint8] | None:
        try:
            pixels = read_image(path, self.height, self.width, self.pixel_range, self.draft)
        except (BadImageError, DatasetNotFoundError):  # whoever asks for it is told
            return None
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def _name(self, file: IO[bytes], keys: Sequence[bytes]) -> int:
        """Write the index, after the pixels that it names."""
        file.flush()
        os.fsync(file.fileno())
        with atomic_file(self.folder / INDEX) as index:
            np.save(index, np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY))
        return len(keys)


class StoredPixels:
    """Images of a store that rows refer to. A copy in another process maps the file again.

    Args:
        path: file of the pixels.
        shape: of all images in it.
        places: of every row, -1 for an image that is not there.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], places: NDArray[np.int64]) -> None:
        self.path, self.shape, self.places = path, shape, places
        self._map: NDArray[np.uint8] | None = None

    def take(self, rows: Sequence[int]) -> NDArray[np.uint8] | None:
        """``(B, 3, H, W)`` pixels, or ``None`` if one is not there."""
        places = self.places[np.asarray(rows, np.int64)]
        if len(places) == 0 or places.min() < 0:
            return None
        if self._map is None:
            self._map = np.memmap(self.path, np.uint8, "r", shape=self.shape)
        return np.asarray(self._map[places])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}


def _key(path: str) -> bytes | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (a Path for each of many images takes as long as the call)
    except OSError:
        return None
    name = f"{os.path.abspath(path)}\0{found.st_size}\0{found.st_mtime_ns}"  # noqa: PTH100 (likewise)
    return hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=KEY).digest()


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
