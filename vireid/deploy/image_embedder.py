"""The interface of everything that turns images into unit embeddings; without torch."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.card import Card
from vireid.deploy.pictures import Picture, as_modality, looks_coloured, pictures
from vireid.errors import SettingsError
from vireid.structures import Modality
from vireid.terminal import track

READERS = 4  # threads that decode images


class ImageEmbedder(ABC):
    """Base of the embedders: images of any kind and size, in batches.

    Args:
        card: what it is.
        batch_size: number of images that the network sees at once; at least 1.

    Attributes:
        card: what it is.

    Raises:
        SettingsError: ``batch_size`` below 1.
    """

    def __init__(self, card: Card, batch_size: int = 64) -> None:
        if batch_size < 1:
            raise SettingsError(f"`batch_size` must be at least 1, got {batch_size}.")
        self.card = card
        self.batch_size = batch_size

    def embed(self, images: Any, modality: Modality | str, boxes: Any = None) -> NDArray[np.float32]:
        """Unit embeddings of images of one modality; the product of two embeddings is their cosine similarity. A bar shows several batches.

        Args:
            images: one image or several: paths, PIL images, arrays ``(H, W, 3)`` or ``(H, W)`` and tensors ``(3, H, W)`` or ``(H, W)``, of
                uint8 or fractions in [0, 1], in RGB. They may be mixed and of different sizes.
            modality: ``visible`` or ``infrared``. Embeddings of images under the wrong modality are worthless.
            boxes: parts of the images, cropped before they are resized: ``(N, 4)`` left, top, right, bottom, in pixels of the upright
                image, one for each image; for a single image, any number. What lies outside of the image is cut off.

        Returns:
            ``(N, D)`` float32, each row of length 1.

        Raises:
            MissingFileError: an image file does not exist.
            BadImageError: an image cannot be read, or is none.
            SettingsError: an unknown modality, or a box that lies outside of its image.
        """
        kind, found = as_modality(modality), pictures(images, boxes)
        rows = np.zeros((len(found), self.card.width), np.float32)
        coloured: list[str] = []
        starts = range(0, len(found), self.batch_size)
        with ThreadPoolExecutor(READERS) as pool:
            for start in track(starts, "Embedding", disable=len(starts) < 2):
                part = found[start : start + self.batch_size]
                pixels = np.stack(list(pool.map(lambda picture: self._pixels(picture, kind), part)))
                if kind is Modality.INFRARED:
                    coloured += [picture.name for picture, image in zip(part, pixels, strict=True) if looks_coloured(image)]
                rows[start : start + len(part)] = self.embed_pixels(pixels, kind)
        _warn_of_colours(coloured, len(found))
        return rows

    def embed_pixels(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        """Unit embeddings ``(B, D)`` of one batch.

        Args:
            pixels: ``(B, H, W, 3)`` RGB in the size that the card asks for.
            modality: of all of them.
        """
        plain = unit(self._raw(pixels, modality))
        if not self.card.flip:
            return plain
        return unit(plain + unit(self._raw(np.ascontiguousarray(pixels[:, :, ::-1]), modality)))

    @abstractmethod
    def _raw(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        """``(B, D)`` what the network gives for ``(B, H, W, 3)`` pixels."""

    def _pixels(self, picture: Picture, modality: Modality) -> NDArray[np.uint8]:
        how = self.card.preparations[modality]
        return picture.pixels(how.height, how.width, how.pixel_range)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(N, D)`` rows at length 1; a row of zeros stays.

    Example:
        >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / lengths, np.float32)


def _warn_of_colours(names: Sequence[str], count: int) -> None:
    if names:
        warnings.warn(
            f"{len(names)} of {count} infrared images are in colour, first {names[0]}: an infrared image has three equal channels. "
            "Is the modality right?",
            stacklevel=3,
        )
