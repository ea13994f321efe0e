"""What single image files are like: unreadable, deep, lying on their side, transparent, or much darker than the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageStat

from vireid.data.image_files import open_image
from vireid.data.pixels import PixelRange, bits, orientation, to_rgb
from vireid.errors import BadImageError, DatasetNotFoundError
from vireid.structures import Modality, Record

FEWEST = 10  # fewest images of a camera that tell what is usual there
LEVELS = 40  # grey levels of 255 that an unusual image is away from the median of its camera, at least
DEVIATIONS = 5  # and so many robust standard deviations
ROBUST = 1.4826  # standard deviation of a normal distribution, in median absolute deviations


@dataclass(frozen=True)
class Inspection:
    """One image file.

    Attributes:
        path: the file.
        problem: why it cannot be read; empty if it can.
        bits: bits of a channel in the file.
        values: smallest and largest stored value of an image whose depth is scaled to 8 bits, otherwise ``None``.
        turned: whether its EXIF orientation turns it.
        transparent: whether it has transparent pixels.
        brightness: mean grey level, in [0, 255].
    """

    path: str
    problem: str = ""
    bits: int = 8
    values: tuple[float, float] | None = None
    turned: bool = False
    transparent: bool = False
    brightness: float = 0.0


def inspect(path: str, pixel_range: PixelRange | None = None) -> Inspection:
    """Decode an image file as training does, and say what it is like."""
    try:
        with open_image(path) as image:
            depth, turned = bits(image), orientation(image) > 1
            rgb = to_rgb(image, pixel_range)
            stored = np.asarray(image) if image.mode[0] in "IF" else None
            values = None if stored is None else (float(stored.min()), float(stored.max()))
            brightness = ImageStat.Stat(rgb.convert("L")).mean[0]
            return Inspection(path, "", depth, values, turned, _transparent(image), brightness)
    except (BadImageError, DatasetNotFoundError) as error:
        return Inspection(path, str(error))


def _transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data or image.mode[0] in "IF":
        return False
    least, _ = image.convert("RGBA").getchannel("A").getextrema()
    return float(least) < 255  # type: ignore[arg-type]  # one channel has one number


def findings(images: Sequence[Inspection], records: Iterable[Record]) -> list[str]:
    """One sentence for each kind of image that is read, but is not what an image of people usually is.

    Args:
        images: all images.
        records: cameras of the images.
    """
    whole = [image for image in images if not image.problem]
    found = [_depth(group) for group in _by_depth(whole).values()]
    turned = [image for image in whole if image.turned]
    transparent = [image for image in whole if image.transparent]
    if turned:
        found.append(f"{len(turned)} images lie on their side or upside down; their EXIF orientation turns them, e.g. {turned[0].path}")
    if transparent:
        found.append(f"{len(transparent)} images have transparent pixels, which are laid on black, e.g. {transparent[0].path}")
    return [*found, *_unusual(whole, records)]


def _by_depth(images: Iterable[Inspection]) -> Mapping[int, list[Inspection]]:
    groups: dict[int, list[Inspection]] = defaultdict(list)
    for image in images:
        if image.bits != 8:
            groups[image.bits].append(image)
    return dict(sorted(groups.items()))


def _depth(images: Sequence[Inspection]) -> str:
    sentence = f"{len(images)} images have {images[0].bits} bits a channel and are scaled to 8, e.g. {images[0].path}"
    values = [image.values for image in images if image.values]
    if not values:
        return sentence
    low, high = min(low for low, _ in values), max(high for _, high in values)
    return f"{sentence}; their values are {low:g} to {high:g} (`pixel_range` says which are black and white)"


def _unusual(images: Iterable[Inspection], records: Iterable[Record]) -> list[str]:
    """One sentence for each camera with images that are much darker, or much brighter, than its others."""
    camera = {record.path: (record.modality, record.camid) for record in records}
    groups: dict[tuple[int, int], list[Inspection]] = defaultdict(list)
    for image in images:
        groups[camera[image.path]].append(image)
    found = []
    for (modality, camid), group in sorted(groups.items()):
        levels = np.array([image.brightness for image in group])
        median = float(np.median(levels))
        bound = max(LEVELS, DEVIATIONS * ROBUST * float(np.median(np.abs(levels - median))))
        for word, away in (("darker", median - levels), ("brighter", levels - median)):
            rows = np.flatnonzero(away > bound)
            if len(group) >= FEWEST and len(rows):
                worst, kind = group[int(np.argmax(away))], Modality(modality).name.lower()
                mean = f"mean {worst.brightness:.0f}, median {median:.0f} of 255"
                count = f"{len(rows)} of {len(group)} {kind} images of camera {camid}"
                found.append(f"{count} are much {word} than its others ({mean}), e.g. {worst.path}")
    return found
