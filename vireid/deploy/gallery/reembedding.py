"""Embeddings of a gallery by another model: computed beside the old ones, then exchanged at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.progress import track

from vireid.deploy.gallery.kept_images import file_is, opened
from vireid.deploy.gallery.store import Store
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.errors import BadImageError, GalleryError, VireidError
from vireid.structures import Modality
from vireid.terminal import console

BATCH = 64
Source = tuple[int, Any, Any]  # number, image, box


@dataclass(frozen=True)
class Reembedded:
    """What came of it.

    Attributes:
        done: number of images that were embedded again.
        missing: numbers of those that could not be, with the reason.
    """

    done: int
    missing: dict[int, str]


def reembed(store: Store, embedder: ImageEmbedder) -> Reembedded:
    """Embed every image again, in batches that are kept when the process is killed; then exchange all embeddings in one change.

    Raises:
        GalleryError: none can be embedded; nothing was changed.
    """
    model, total = embedder.card.digest, store.count()
    missing: dict[int, str] = {}
    with store.change():
        store.forget_fresh(but=model)
    todo = store.outdated(model)
    for modality in Modality:
        rows = [row for row in todo if row[1] is modality]
        starts = range(0, len(rows), BATCH)
        for start in track(starts, f"Embedding {modality.name.lower()} images", transient=True, console=console(), disable=len(starts) < 2):
            sources: list[Source] = []
            for number, _, path, box, digest in rows[start : start + BATCH]:
                try:
                    sources.append((number, *_source(store, number, path, box, digest, modality)))
                except VireidError as error:
                    missing[number] = str(error)
            _keep(store, embedder, sources, modality, missing)
    if total and len(missing) == total:
        reason = next(iter(missing.values()))
        raise GalleryError(f"None of the {total} images can be embedded again, and nothing was changed. The first: {reason}")
    with store.change():
        store.take_fresh(model)
        store.put("model", model)
        store.put("width", str(embedder.card.width))
        store.put("calibration", None)
    return Reembedded(total - len(missing), missing)


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


def _keep(
    store: Store, embedder: ImageEmbedder, sources: Sequence[tuple[int, Any, Any]], modality: Modality, missing: dict[int, str]
) -> None:
    for boxed in (False, True):
        part = [source for source in sources if (source[2] is not None) == boxed]
        ids, found = [], []
        for number, image, box in part:
            try:
                found.append(embedder.embed([image], modality, [box] if boxed else None)[0])
                ids.append(number)
            except VireidError as error:
                missing[number] = str(error)
        if ids:
            with store.change():
                store.put_fresh(ids, np.stack(found), embedder.card.digest)
