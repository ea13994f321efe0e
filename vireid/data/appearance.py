"""What the images of each modality have in common: statistics of the channels, and rows and columns that do not vary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vireid.data.image_files import read_image
from vireid.data.pixels import PixelRange
from vireid.errors import BadImageError, DatasetNotFoundError
from vireid.structures import Modality, Record

MEASURED = 500  # images of a modality
FEWEST = 10  # fewest images that tell constant rows from chance
STILL = 0.1  # of the median deviation
Channels = tuple[float, float, float]
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Appearance:
    """The images of one modality.

    Attributes:
        images: number of measured images.
        mean, std: mean and standard deviation of each channel over all pixels of all images, in [0, 1].
        rows, columns: first and last of each run of rows, and of columns, that hardly vary from image to image, such as black bars.
    """

    images: int
    mean: Channels
    std: Channels
    rows: Spans
    columns: Spans


def appearances(
    records: Sequence[Record],
    height: int = 256,
    width: int = 128,
    limit: int = MEASURED,
    workers: int | None = None,
    pixel_range: PixelRange | None = None,
) -> dict[str, Appearance]:
    """Appearance of the images of each modality, by its name. A modality without readable images is left out.

    A row hardly varies if its deviation from image to image is less than a tenth of the median row's; the same holds for columns.
    Rows and columns are reported for ten images or more.

    Args:
        records: images; unreadable ones do not count.
        height, width: size to which images are resized first, in pixels. Fine noise deviates less in smaller images.
        limit: largest number of images of a modality. If there are more, every n-th image in the order of their paths is taken.
        workers: number of threads that decode; ``None`` lets Python choose.
        pixel_range: see :func:`~vireid.data.image_files.read_image`.
    """
    found = {}
    with ThreadPoolExecutor(workers) as pool:
        for modality in Modality:
            paths = sorted({record.path for record in records if record.modality == modality})
            chosen = [paths[i * len(paths) // limit] for i in range(limit)] if len(paths) > limit else paths
            images = pool.map(lambda path: _pixels(path, height, width, pixel_range), chosen)
            if appearance := _appearance(images, (height, width, 3)):
                found[modality.name.lower()] = appearance
    return found


def _pixels(path: str, height: int, width: int, pixel_range: PixelRange | None) -> NDArray[np.uint8] | None:
    try:
        return read_image(path, height, width, pixel_range)
    except (BadImageError, DatasetNotFoundError):
        return None


def _appearance(images: Iterable[NDArray[np.uint8] | None], shape: tuple[int, int, int]) -> Appearance | None:
    count, total, squares = 0, np.zeros(shape, np.int64), np.zeros(shape, np.int64)  # whole numbers: the order of the sum changes nothing
    for image in images:
        if image is not None:
            count += 1
            total += image
            squares += image.astype(np.int64) ** 2
    if not count:
        return None
    mean, square = total.mean((0, 1)) / count, squares.mean((0, 1)) / count
    std = np.sqrt(np.maximum(square - mean**2, 0))
    variance = np.maximum(squares / count - (total / count) ** 2, 0).mean(2)  # of each pixel, from image to image
    rows, columns = (_still(np.sqrt(variance.mean(axis))) if count >= FEWEST else () for axis in (1, 0))
    return Appearance(count, _channels(mean / 255), _channels(std / 255), rows, columns)


def _channels(values: NDArray[np.float64]) -> Channels:
    first, second, third = (float(value) for value in values)
    return first, second, third


def _still(deviations: NDArray[np.float64]) -> Spans:
    lines = np.flatnonzero(deviations < STILL * np.median(deviations))
    runs = np.split(lines, np.flatnonzero(np.diff(lines) > 1) + 1)
    return tuple((int(run[0]), int(run[-1])) for run in runs if len(run))
