"""Embeddings of a gallery by another model: computed beside the old ones, then exchanged at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.additions import embedded
from vireid.deploy.gallery.kept_images import file_is, opened
from vireid.deploy.gallery.store import Outdated, Store
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.errors import BadImageError, GalleryError, VireidError
from vireid.structures import Modality
from vireid.terminal import track

BATCH = 64


@dataclass(frozen=True)
class Reembedded:
    """What came of it.

    Attributes:
        done: number of images that were embedded again.
        missing: numbers of those that could not be, with the reason.
    """

    done: int
    missing: dict[int, str]


def reembed(store: Store, writing: Callable[[], AbstractContextManager[None]], embedder: ImageEmbedder) -> Reembedded:
    """Embed every image again, in batches that are kept when the process is killed; then exchange all embeddings in one change.

    What others add meanwhile is embedded too, before the exchange.

    Args:
        store: the gallery.
        writing: a context in which nobody else changes the gallery; it is left while the network computes.
        embedder: the new model.

    Raises:
        GalleryError: none can be embedded; nothing was changed.
    """
    model = embedder.card.digest
    missing: dict[int, str] = {}
    with writing(), store.change():
        store.forget_fresh(but=model)
    while True:
        with writing():
            outdated = store.outdated(model)
            todo = [row for row in outdated if row[0] not in missing]
            if not todo:
                missing = {row[0]: missing[row[0]] for row in outdated}
                return _exchange(store, embedder, missing)
        for modality in Modality:
            rows = [row for row in todo if row[1] is modality]
            starts = range(0, len(rows), BATCH)
            name = f"Embedding {modality.name.lower()} images"
            for start in track(starts, name, disable=len(starts) < 2):
                _embed(store, writing, embedder, rows[start : start + BATCH], modality, missing)


def _exchange(store: Store, embedder: ImageEmbedder, missing: dict[int, str]) -> Reembedded:
    """Let the new embeddings replace the old ones."""
    total = store.count()
    if total and len(missing) == total:
        reason = next(iter(missing.values()))
        raise GalleryError(f"None of the {total} images can be embedded again, and nothing was changed. The first: {reason}")
    with store.change():
        store.take_fresh(embedder.card.digest)
        store.put("model", embedder.card.digest)
        store.put("width", str(embedder.card.width))
        store.put("calibration", None)
    return Reembedded(total - len(missing), missing)


def _embed(
    store: Store,
    writing: Callable[[], AbstractContextManager[None]],
    embedder: ImageEmbedder,
    rows: Sequence[Outdated],
    modality: Modality,
    missing: dict[int, str],
) -> None:
    """Embed a batch, as far as it can be, and keep its embeddings."""
    sources: dict[int, tuple[Any, Any]] = {}
    for number, _, path, box, digest in rows:
        try:
            sources[number] = _source(store, number, path, box, digest, modality)
        except VireidError as error:
            missing[number] = str(error)
    found = _rows(embedder, sources, modality, missing)
    if found:
        with writing(), store.change():
            store.put_fresh(list(found), np.stack(list(found.values())), embedder.card.digest)


def _rows(
    embedder: ImageEmbedder, sources: dict[int, tuple[Any, Any]], modality: Modality, missing: dict[int, str]
) -> dict[int, NDArray[np.float32]]:
    """Embeddings of images, by number. When one cannot be read, each is embedded alone."""
    images, boxes = [image for image, _ in sources.values()], [box for _, box in sources.values()]
    try:
        return dict(zip(sources, embedded(embedder, images, modality, boxes), strict=True))
    except VireidError as error:
        if len(sources) == 1:
            missing[next(iter(sources))] = str(error)
            return {}
    alone = [_rows(embedder, {number: source}, modality, missing) for number, source in sources.items()]
    return {number: row for part in alone for number, row in part.items()}


def _source(store: Store, number: int, path: str | None, box: Any, digest: bytes | None, modality: Modality) -> tuple[Any, Any]:
    """Image and box that the embedder takes."""
    original = store.picture(number, "original")
    if original is not None:
        return opened(original, number), None  # of a box, its part alone is kept
    if path is None:
        raise BadImageError("It has no file, and its original was not kept.")
    if not file_is(path, digest, box, modality):
        raise BadImageError(f"Its file {path!r} is gone, or is another than the one that was added.")
    return path, box
