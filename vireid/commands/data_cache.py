"""Decoding of a whole dataset folder, with its progress and its result on the terminal."""

from __future__ import annotations

import os

from vireid.data.check import listed_images
from vireid.data.modules.loading import LONGEST_SIDE, at_least, at_most
from vireid.data.pixel_store import PixelStore
from vireid.data.pixels import PixelRange, check_range
from vireid.printable import printable
from vireid.terminal import say


def cache_and_show(
    root: str, height: int, width: int, workers: int, pixel_range: PixelRange | None, image_root: str | None, draft: bool
) -> int:
    """Decode what is missing, and print how many images there are and where.

    Returns:
        0, or 2 if images are not there afterwards.

    Raises:
        VireidError: the folder cannot be read, or a number is out of range.
    """
    at_least(1, height=height, width=width)
    at_most(LONGEST_SIDE, height=height, width=width)
    store = PixelStore(height, width, check_range(pixel_range), draft=draft)
    paths = listed_images(root, image_root)
    store.fill(paths, workers or os.cpu_count() or 1)
    missing = [path for path, place in zip(paths, store.rows(paths).places, strict=True) if place < 0]
    size = (len(paths) - len(missing)) * store.bytes_of_an_image / 2**20
    say(f"{len(paths) - len(missing)} of {len(paths)} images are kept at {height} x {width} ({size:.0f} MiB).")
    say(f"They are in {printable(store.folder)}. Use them with --data.cache_images disk.")
    if missing:
        say(f"Not readable: {printable(missing[0])}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "") + ".")
    return 2 if missing else 0
