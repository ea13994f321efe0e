"""The images of a gallery in a file: opening it, who may change it, and what is stored."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vireid.deploy.gallery.any_gallery import AnyGallery
from vireid.deploy.gallery.derived import Derived
from vireid.deploy.gallery.entries import Entry, NewImage, Where, checked
from vireid.deploy.gallery.rows import Rows
from vireid.deploy.gallery.schema import WAIT
from vireid.deploy.gallery.store import Store
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.errors import GalleryError, SettingsError
from vireid.locks import FolderLock
from vireid.structures import Modality


class Members(AnyGallery):
    """Images of people in one file. :class:`~vireid.Gallery` is the class to use; it says what the arguments are."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        embedder: ImageEmbedder | None = None,
        create: bool = True,
        keep_images: bool = False,
        quantised: bool = False,
        wait: float = WAIT,
    ) -> None:
        if not wait >= 0:
            raise SettingsError(f"`wait` must be at least 0 seconds, got {wait}.")
        self.path = Path(path)
        self.embedder = embedder
        self.keep_images = keep_images
        self._lock = FolderLock(self.path, beside=True, patience=wait, stays=True)
        self._writers = threading.RLock()  # taken before the mutex, never after it
        self._depth = 0
        self._dirty = False
        self._closed = False
        self._store = Store(self.path, create, wait)
        self._mutex = self._store.mutex
        try:
            self._derived = Derived(self._store, quantised)
            if embedder is not None and self.model is not None:
                self._check_model(embedder.card.digest, embedder.card.width)
        except BaseException:
            self._store.close()
            raise

    def close(self) -> None:
        """Close the file, after the log is empty and the index is saved; deleted bytes are then in neither."""
        if self._closed:
            return
        self._closed = True
        if self._dirty or self._derived.unsaved:
            with contextlib.suppress(GalleryError, OSError), self._writing():
                self._derived.save()
            self._store.checkpoint()
        self._store.close()

    def __len__(self) -> int:
        return len(self._rows())

    @property
    def store(self) -> Store:
        """What the file keeps, for a copy. Whoever writes into it owns the gallery."""
        return self._store

    @property
    def cameras(self) -> list[str]:
        with self._mutex:
            return self._rows().names("camera")

    def images_of_people(self) -> dict[str, int]:
        with self._mutex:
            return self._rows().images_of_people()

    def images_of_sensors(self, within: Where | None = None) -> dict[Modality, int]:
        with self._mutex:
            rows = self._rows()
            mask = rows.mask(checked(within))
            return {found: int(np.count_nonzero(mask & (rows.modalities == int(found)))) for found in Modality}

    def span(self) -> tuple[float, float] | None:
        with self._mutex:
            return self._rows().span()

    def entries(self, where: Where | None = None) -> list[Entry]:
        with self._mutex:
            rows = self._rows()
            return [rows.entry(int(row), self._store.path_of(int(rows.ids[row]))) for row in np.flatnonzero(rows.mask(checked(where)))]

    def thumbnails(self, numbers: Sequence[int]) -> dict[int, bytes]:
        found = {number: self._store.picture(number) for number in numbers}
        return {number: picture for number, picture in found.items() if picture is not None}

    def checkpoint(self) -> bool:
        """Empty the log, so that what was removed is in no file; whether no other process kept it from doing so."""
        with self._mutex:
            return self._store.checkpoint()

    def remains(self) -> str:
        if self.checkpoint():
            return ""
        return "Another process is reading the gallery. The log keeps their bytes until that has ended and the gallery is closed again."

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Let no other process change the gallery inside the block, however long it takes. All may search, and threads may change it.

        Raises:
            OutputError: another process is changing the gallery, or owns it.
        """
        with self._writers:
            self._lock.take()
            self._depth += 1
        try:
            yield
        finally:
            with self._writers:
                self._depth -= 1
                self._lock.release()

    def _known(self, digests: Collection[bytes]) -> Mapping[bytes, tuple[int, str | None]]:
        return self._store.known(digests)

    def _store_new(self, images: Sequence[NewImage], model: str) -> list[int]:
        with self._store.change():
            if self.model is None:
                self._store.put("model", model)
                self._store.put("width", str(len(images[0].embedding)))
            numbers = self._store.insert(images, model)
        self._derived.added(numbers, images)
        return numbers

    def _delete(self, where: Where) -> int:
        rows = np.flatnonzero(self._rows().mask(where))
        ids = self._rows().ids[rows].tolist()
        self._derived.forget_file()
        with self._store.change():
            self._store.delete(ids)
        self._derived.removed(rows)
        return len(ids)

    def _change(self, where: Where, values: dict[str, Any]) -> int:
        rows = np.flatnonzero(self._rows().mask(where))
        with self._store.change():
            self._store.update(self._rows().ids[rows].tolist(), values)
        self._derived.updated(rows, values)
        return len(rows)

    def _setting(self, key: str) -> str | None:
        return self._store.get(key)

    def _rows(self) -> Rows:
        with self._mutex:
            return self._derived.current()[0]

    def _check_model(self, digest: str, width: int) -> None:
        model = self.model
        if model is not None and model != digest:
            raise GalleryError(
                f"The embeddings of {os.fspath(self.path)!r} are of model {model[:12]}, and this model is {digest[:12]}: they cannot be "
                "compared. Take the model that they were made with, or let `vireid gallery reembed` compute them again."
            )
        if model is not None and self.width != width:
            raise GalleryError(f"{os.fspath(self.path)!r} holds embeddings of {self.width} numbers, got {width}.")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Let no other thread and no other process change the gallery inside the block. Who waits for it keeps no reader waiting."""
        with self._writers, contextlib.nullcontext() if self._depth else self._lock, self._mutex:
            self._depth += 1
            self._dirty = True
            try:
                yield
            finally:
                self._depth -= 1
