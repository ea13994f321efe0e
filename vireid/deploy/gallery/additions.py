"""Arguments of an addition, one for each image, and batches of images with what is kept of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.entries import NewImage, as_name, as_time
from vireid.deploy.gallery.kept_images import KeptImage
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.pictures import Picture
from vireid.errors import SettingsError
from vireid.structures import Modality

Label = tuple[str | None, str | None, float | None]
"""Person, camera and time of an image."""


class Batch:
    """Images of one modality that are added at once, and their embeddings as far as they are needed.

    Args:
        embedder: of the gallery's model.
        modality: of all images.
        pictures: the images.
        labels: of each image.
        keep: whether originals are kept.

    Attributes:
        model: digest of the embedder.
        digests: of the images.

    Raises:
        VireidError: an image cannot be read.
    """

    def __init__(
        self, embedder: ImageEmbedder, modality: Modality, pictures: Sequence[Picture], labels: Sequence[Label], keep: bool
    ) -> None:
        preparation = embedder.card.preparations.get(modality)
        pixel_range = preparation.pixel_range if preparation else None
        self._embedder, self._modality, self._pictures, self._labels = embedder, modality, pictures, labels
        self._kept = [KeptImage(picture, modality, keep, pixel_range) for picture in pictures]
        self._embeddings: dict[bytes, NDArray[np.float32]] = {}
        self.model = embedder.card.digest
        self.digests = {image.digest for image in self._kept}

    def lacking(self, known: Collection[bytes]) -> list[int]:
        """Places of the images whose embedding is neither computed nor in the gallery, each image once.

        Args:
            known: digests of the images that are in the gallery.
        """
        places = {image.digest: place for place, image in enumerate(self._kept)}
        return [place for digest, place in places.items() if digest not in known and digest not in self._embeddings]

    def embed(self, places: Sequence[int]) -> None:
        """Compute the embeddings of images."""
        pictures = [self._pictures[place] for place in places]
        rows = embedded(self._embedder, [picture.source for picture in pictures], self._modality, [picture.box for picture in pictures])
        self._embeddings |= {self._kept[place].digest: row for place, row in zip(places, rows, strict=True)}

    def images(self) -> list[NewImage]:
        """All images, to be stored. Those that are in the gallery may have an embedding of zeros."""
        zeros = np.zeros(self._embedder.card.width, np.float32)
        return [
            NewImage(
                *label,
                self._modality,
                self._embeddings.get(kept.digest, zeros),
                kept.path,
                picture.box,
                kept.digest,
                kept.thumbnail,
                kept.original,
            )
            for kept, picture, label in zip(self._kept, self._pictures, self._labels, strict=True)
        ]


def embedded(embedder: ImageEmbedder, sources: Sequence[Any], modality: Modality, boxes: Sequence[Any]) -> NDArray[np.float32]:
    """``(N, D)`` embeddings of images, of which some have a box."""
    rows = np.zeros((len(sources), embedder.card.width), np.float32)
    for boxed in (False, True):
        part = [row for row, box in enumerate(boxes) if (box is not None) == boxed]
        if part:
            rows[part] = embedder.embed([sources[row] for row in part], modality, [boxes[row] for row in part] if boxed else None)
    return rows


def labels(count: int, person: Any, camera: Any, time: Any) -> tuple[list[str | None], list[str | None], list[float | None]]:
    """Person, camera and time of every image."""
    found = []
    for what, value in (("person", person), ("camera", camera), ("time", time)):
        values = list(value) if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) else [value] * count
        if len(values) != count:
            raise SettingsError(f"`{what}` must be one value, or one for each of the {count} images, got {len(values)}.")
        found.append([as_time(item) if what == "time" else as_name(what, item) for item in values])
    people, cameras, times = found
    return people, cameras, times  # type: ignore[return-value]  # the loop mixes their types
