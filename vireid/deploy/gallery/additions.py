"""Arguments of an addition, one for each image, and the embeddings of images with and without boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.entries import as_name, as_time
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.errors import SettingsError
from vireid.structures import Modality


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
