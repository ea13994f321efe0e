"""Rows and index of a gallery in memory. They are derived from the store, and made again when another process has changed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.entries import Entry, NewImage
from vireid.deploy.gallery.index import ExactIndex, Floats, Index
from vireid.deploy.gallery.quantised import IndexFile, delete_files
from vireid.deploy.gallery.rows import Rows
from vireid.deploy.gallery.store import Store


class Derived:
    """What a search reads.

    Args:
        store: the gallery.
        quantised: whether the index is quantised; it then has a file beside the gallery.

    Attributes:
        unsaved: whether an index with a file was made anew and is not in the file.

    Raises:
        GalleryError: the extra ``faiss`` is not installed.
    """

    def __init__(self, store: Store, quantised: bool) -> None:
        self._store = store
        self._file: IndexFile | None = None
        self._changes = -1
        self.unsaved = False
        self._rows = Rows()
        self._index: Index = ExactIndex(0)
        if quantised:
            self._file = IndexFile(store.path)

    def current(self) -> tuple[Rows, Index]:
        """Rows and index as the store is now."""
        if self._changes != self._store.changes:
            self._load()
        return self._rows, self._index

    def added(self, ids: Sequence[int], images: Sequence[NewImage]) -> None:
        """This process has added images, in the last change."""
        if not self._is_next():
            return
        entries = [Entry(number, i.person, i.modality, i.camera, i.time) for number, i in zip(ids, images, strict=True)]
        if self._rows.ids.size == 0:
            self._index = self._empty(len(images[0].embedding), len(images)) if images else self._index
        self._rows.add(entries)
        if images:
            self._index.add(np.stack([image.embedding for image in images]))

    def removed(self, rows: NDArray[np.int64]) -> None:
        """This process has removed the images of rows, in the last change."""
        if self._is_next():
            self._rows.remove(rows)
            self._index.remove(rows)

    def updated(self, rows: NDArray[np.int64], values: dict[str, Any]) -> None:
        """This process has changed fields of images, in the last change."""
        if self._is_next():
            self._rows.update(rows, values)

    def matrix(self) -> Floats:
        """``(N, D)`` embeddings of the living rows, in order."""
        rows, index = self.current()
        if isinstance(index, ExactIndex):
            return index.matrix[rows.alive]
        width = int(self._store.get("width") or 0)
        parts = list(self._store.embeddings(self._store.get("model"), width))
        return np.concatenate(parts) if parts else np.zeros((0, width), np.float32)

    def forget_file(self) -> None:
        """Delete the file of an index, of this process or another, which holds what is about to be deleted."""
        delete_files(self._store.path)

    def save(self) -> None:
        """Write the file of the index, if there is one."""
        if self._file is not None:
            self._load(fresh=True)
            self._file.write(self._index, self._changes, len(self._rows))
            self.unsaved = False

    def _is_next(self) -> bool:
        """Whether what is in memory lacks only the last change; if so, it is about to have that too."""
        if self._changes + 1 != self._store.changes:
            return False
        self._changes += 1
        return True

    def _load(self, fresh: bool = False) -> None:
        model, width = self._store.get("model"), int(self._store.get("width") or 0)
        self._rows, self._index, self._changes = Rows(), ExactIndex(0), -1  # never two indexes in memory
        with self._store.moment():
            changes = self._store.changes
            rows = Rows(self._store.entries(model))
            saved = None if self._file is None or fresh else self._file.read(changes, len(rows), width)
            index = self._empty(width, len(rows)) if saved is None else saved
            if saved is None:
                for embeddings in self._store.embeddings(model, width):
                    index.add(embeddings)
        self.unsaved = self._file is not None and saved is None and len(rows) > 0
        self._rows, self._index, self._changes = rows, index, changes

    def _empty(self, width: int, capacity: int) -> Index:
        if self._file is None:
            return ExactIndex(width, capacity)
        return self._file.empty(width)
