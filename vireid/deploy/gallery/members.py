"""The images of a gallery: opening its file, adding, removing and changing."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.additions import Batch, labels
from vireid.deploy.gallery.derived import Derived
from vireid.deploy.gallery.entries import Entry, NewImage, Where, as_name, as_time, checked, shown
from vireid.deploy.gallery.rows import Rows
from vireid.deploy.gallery.schema import WAIT
from vireid.deploy.gallery.searchable import Searchable
from vireid.deploy.gallery.store import FIELDS, Store
from vireid.deploy.image_embedder import ImageEmbedder, unit
from vireid.deploy.pictures import as_modality, pictures
from vireid.errors import GalleryError, SettingsError
from vireid.locks import FolderLock
from vireid.structures import Modality

M = TypeVar("M", bound="Members")
BATCH = 64
"""Images that are embedded and stored at once; a killed ``add`` keeps whole batches."""


class Members(Searchable):
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

    def __enter__(self: M) -> M:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of images that can be found."""
        return len(self._rows())

    @property
    def store(self) -> Store:
        """What the file keeps, for a copy. Whoever writes into it owns the gallery."""
        return self._store

    @property
    def model(self) -> str | None:
        """Digest of the model of the embeddings; ``None`` while the gallery is empty."""
        return self._store.get("model")

    @property
    def width(self) -> int:
        """D, numbers of an embedding; 0 while the gallery is empty."""
        return int(self._store.get("width") or 0)

    @property
    def people(self) -> list[str]:
        """Names of the people with an image, sorted."""
        with self._mutex:
            return self._rows().names()

    @property
    def cameras(self) -> list[str]:
        """Names of the cameras with an image, sorted."""
        with self._mutex:
            return self._rows().names("camera")

    def images_of_people(self) -> dict[str, int]:
        """Number of images of each known person, in the order of their names."""
        with self._mutex:
            return self._rows().images_of_people()

    def entries(self, where: Where | None = None) -> list[Entry]:
        """What is known of images, in the order of their numbers."""
        with self._mutex:
            rows = self._rows()
            return [rows.entry(int(row), self._store.path_of(int(rows.ids[row]))) for row in np.flatnonzero(rows.mask(checked(where)))]

    def thumbnail(self, number: int) -> bytes | None:
        """JPEG of an image, at most 256 pixels high and wide; ``None`` if only its embedding was added."""
        return self._store.picture(number)

    def add(
        self,
        images: Any,
        modality: Modality | str,
        person: str | Sequence[str | None] | None = None,
        camera: str | Sequence[str | None] | None = None,
        time: Any = None,
        boxes: Any = None,
    ) -> list[int]:
        """Add images of one modality. Those that are there already are not added again.

        Images are stored in batches. When one cannot be read, the batches before it stay, and the same call after a repair goes on.

        Args:
            images, boxes: see :meth:`vireid.deploy.ImageEmbedder.embed`.
            modality: ``visible`` or ``infrared``.
            person: name of the person, or one for each image; ``None`` if it is not known.
            camera: name of the camera, or one for each image.
            time: when the image was taken, or one for each image: seconds since 1970, a ``datetime``, or an ISO 8601 text.

        Returns:
            Number of each image.

        Raises:
            GalleryError: the gallery was opened without an embedder, or is of another model.
            SettingsError: a name, a time or a box is none, or an image is there already under another name.
            OutputError: another process is changing the gallery.
            BadImageError, MissingFileError: an image cannot be read.
        """
        embedder = self._embedder()
        kind, found = as_modality(modality), pictures(images, boxes)
        people, cameras, times = labels(len(found), person, camera, time)
        given = list(zip(people, cameras, times, strict=True))
        ids: list[int] = []
        for start in range(0, len(found), BATCH):
            part = slice(start, start + BATCH)
            ids += self._add_batch(Batch(embedder, kind, found[part], given[part], self.keep_images))
        return ids

    def add_embeddings(
        self,
        embeddings: NDArray[np.float32],
        modality: Modality | str,
        person: str | Sequence[str | None] | None = None,
        camera: str | Sequence[str | None] | None = None,
        time: Any = None,
        model: str | None = None,
    ) -> list[int]:
        """Add embeddings that were computed elsewhere, in one batch. They have no thumbnail, and no new model can compute them again.

        Args:
            embeddings: ``(N, D)``; they are stored at length 1.
            modality, person, camera, time: see :meth:`add`.
            model: digest of their model; ``None`` for that of the embedder.

        Returns:
            Number of each.

        Raises:
            GalleryError: the width or the model is not that of the gallery.
            SettingsError: the embeddings are no finite rows.
        """
        table = np.asarray(embeddings, np.float32)
        if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all() or not table.any(axis=1).all():
            raise SettingsError(f"`embeddings` must be (N, D) finite numbers, no row of zeros, got shape {table.shape}.")
        digest = self._embedder().card.digest if model is None else model
        given = zip(*labels(len(table), person, camera, time), strict=True)
        news = [NewImage(*label, as_modality(modality), row) for label, row in zip(given, unit(table), strict=True)]
        with self._writing():
            return self._insert(news, digest, {})

    def remove(self, where: Where) -> int:
        """Remove images for good: embedding, thumbnail, original and digest are overwritten in the file.

        What the log still holds leaves it with :meth:`close`, or with :meth:`checkpoint`.

        Args:
            where: which images.

        Returns:
            Number of removed images.

        Raises:
            SettingsError: ``where`` says nothing, or names what is not in the gallery.
            OutputError: another process is changing the gallery.
        """
        with self._writing():
            rows = np.flatnonzero(self._rows().mask(checked(where, needed=True)))
            ids = self._rows().ids[rows].tolist()
            self._derived.forget_file()
            with self._store.change():
                self._store.delete(ids)
            self._derived.removed(rows)
        return len(ids)

    def update(self, where: Where, **values: Any) -> int:
        """Give images another ``person``, ``camera`` or ``time``; ``None`` for unknown.

        Returns:
            Number of changed images.

        Raises:
            SettingsError: as for :meth:`remove`, or a value is not allowed.
            OutputError: another process is changing the gallery.
        """
        if not values or set(values) - set(FIELDS):
            raise SettingsError(f"`update` changes person, camera or time, got {', '.join(values) or 'nothing'}.")
        clean = {name: as_time(value) if name == "time" else as_name(name, value) for name, value in values.items()}
        with self._writing():
            rows = np.flatnonzero(self._rows().mask(checked(where, needed=True)))
            with self._store.change():
                self._store.update(self._rows().ids[rows].tolist(), clean)
            self._derived.updated(rows, clean)
        return len(rows)

    def checkpoint(self) -> bool:
        """Empty the log, so that what was removed is in no file; whether no other process kept it from doing so."""
        with self._mutex:
            return self._store.checkpoint()

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

    def _add_batch(self, batch: Batch) -> list[int]:
        """Store a batch. Nobody waits for the network: it is asked between two looks at what is there."""
        while True:
            with self._writing():
                known = self._store.known(batch.digests)
                lacking = batch.lacking(known)
                if not lacking:
                    return self._insert(batch.images(), batch.model, known)
            batch.embed(lacking)

    def _insert(self, images: Sequence[NewImage], model: str, known: Mapping[bytes, tuple[int, str | None]]) -> list[int]:
        """Store a batch but for what is there already, and give the numbers of all."""
        width = len(images[0].embedding) if images else self.width
        self._check_model(model, width)
        ids: dict[int, int] = {}
        first: dict[bytes, int] = {}
        for row, image in enumerate(images):
            if image.digest is None:
                continue
            number, person = known.get(image.digest, (0, images[first.setdefault(image.digest, row)].person))
            if person != image.person:
                raise SettingsError(
                    f"{image.path or 'An image'} is in the gallery already, as '{shown(person or 'nobody known')}' and not as "
                    f"'{shown(image.person or 'nobody known')}'. Use `update` to give it another person."
                )
            if number:
                ids[row] = number
        new = [row for row, image in enumerate(images) if row not in ids and (image.digest is None or first[image.digest] == row)]
        if new:
            stored = [images[row] for row in new]
            with self._store.change():
                if self.model is None:
                    self._store.put("model", model)
                    self._store.put("width", str(width))
                numbers = self._store.insert(stored, model)
            self._derived.added(numbers, stored)
            ids |= dict(zip(new, numbers, strict=True))
        return [ids[row] if row in ids else ids[first[image.digest or b""]] for row, image in enumerate(images)]

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
