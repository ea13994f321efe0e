"""What a gallery keeps: rows of images in SQLite. Everything else is derived from them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.entries import FIELDS, Entry, NewImage
from vireid.deploy.gallery.records import BATCH, StoredImage
from vireid.deploy.gallery.schema import WAIT, connect, meaning
from vireid.errors import GalleryError, OutputError
from vireid.structures import Modality

CHUNK = 4096  # rows read at once
Outdated = tuple[int, Modality, str | None, tuple[float, ...] | None, bytes | None]
"""Number, modality, path, box and digest of an image."""


class Store:
    """Rows of one gallery file. Every change is one transaction, which is on the disk when it returns. One thread at a time uses it.

    Args:
        path: the file.
        create: whether to make it if it does not exist.
        wait: seconds to wait for another process that is writing.

    Attributes:
        mutex: held while the file is used. Whoever does several things that belong together holds it around them.

    Raises:
        VireidError: see :func:`~vireid.deploy.gallery.schema.connect`.
    """

    def __init__(self, path: Path, create: bool = True, wait: float = WAIT) -> None:
        self.path = path
        self.mutex = threading.RLock()
        self._connection = connect(path, create, wait)

    def close(self) -> None:
        with self.mutex, meaning(self.path):
            self._connection.close()

    def _run(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self.mutex, meaning(self.path):
            return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """One transaction. It counts as a change, after which derived data of other processes is out of date."""
        with self.mutex, meaning(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("UPDATE settings SET value = value + 1 WHERE key = 'changes'")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def get(self, key: str) -> str | None:
        """A setting of the gallery."""
        found = self._run("SELECT value FROM settings WHERE key = ?", (key,))
        return found[0][0] if found else None

    def put(self, key: str, value: str | None) -> None:
        """Set a setting, or forget it; inside :meth:`change`."""
        if value is None:
            self._run("DELETE FROM settings WHERE key = ?", (key,))
        else:
            self._run("INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))

    @property
    def changes(self) -> int:
        """Number of changes so far."""
        return int(self.get("changes") or 0)

    def insert(self, images: Sequence[NewImage], model: str, numbers: Sequence[int] | None = None) -> list[int]:
        """Store images; inside :meth:`change`. Returns their numbers, new ones unless ``numbers`` gives them."""
        ids = []
        for image, number in zip(images, [None] * len(images) if numbers is None else numbers, strict=True):
            row = (
                number,
                *(image.person, image.camera, image.time, int(image.modality)),
                None if image.path is None else os.fsencode(image.path),
                None if image.box is None else json.dumps(image.box),
                *(image.digest, model, image.embedding.astype("<f4").tobytes()),
            )
            with meaning(self.path):
                added = self._connection.execute(
                    "INSERT INTO images (id, person, camera, time, modality, path, box, digest, model, embedding) "
                    "VALUES (?,?,?,?,?,?,?,?,?,?)",
                    row,
                )
            ids.append(int(added.lastrowid or 0))
            if image.thumbnail is not None or image.original is not None:
                self._run("INSERT INTO pictures VALUES (?, ?, ?)", (ids[-1], image.thumbnail, image.original))
        return ids

    # --- copies ---------------------------------------------------------------------------------------------------------------------

    def setting(self, key: str) -> str | None:
        """As :meth:`get`."""
        return self.get(key)

    def stored(self, after: int) -> Iterator[Sequence[StoredImage]]:
        """Images with numbers above ``after``, ascending, in parts of at most :data:`~vireid.deploy.gallery.records.BATCH`.

        Raises:
            GalleryError: some are of another model than the gallery's.
        """
        statement = (
            "SELECT images.id, person, camera, time, modality, embedding, path, box, digest, thumbnail, original "
            "FROM images LEFT JOIN pictures ON pictures.id = images.id WHERE images.id > ? ORDER BY images.id LIMIT ?"
        )
        if self._run("SELECT count(*) FROM images WHERE model != ?", (self.get("model"),))[0][0]:
            raise GalleryError(
                f"{os.fspath(self.path)!r} holds images that its model has not embedded. Run `vireid gallery reembed`, or remove them."
            )
        while rows := self._run(statement, (after, BATCH)):
            yield [_stored(*row) for row in rows]
            after = rows[-1][0]

    def put_stored(self, images: Sequence[StoredImage], settings: dict[str, str | None]) -> None:
        """Write images under their numbers, and settings, in one transaction. To write an image again changes nothing."""
        model = settings.get("model") or self.get("model") or ""
        with self.change():
            self.delete([stored.id for stored in images])
            self.insert([stored.image for stored in images], model, [stored.id for stored in images])
            for key, value in settings.items():
                self.put(key, value)

    def stored_count(self) -> int:
        """As :meth:`count`."""
        return self.count()

    # --- changes --------------------------------------------------------------------------------------------------------------------

    def delete(self, ids: Iterable[int]) -> None:
        """Delete images with all that belongs to them; inside :meth:`change`."""
        rows = [(number,) for number in ids]
        with meaning(self.path):
            for table in ("images", "pictures", "fresh"):
                self._connection.executemany(f"DELETE FROM {table} WHERE id = ?", rows)

    def update(self, ids: Iterable[int], values: dict[str, Any]) -> None:
        """Set fields of images, names of :data:`~vireid.deploy.gallery.entries.FIELDS`; inside :meth:`change`."""
        names = ", ".join(f"{name} = ?" for name in FIELDS if name in values)
        given = [values[name] for name in FIELDS if name in values]
        with meaning(self.path):
            self._connection.executemany(f"UPDATE images SET {names} WHERE id = ?", [(*given, number) for number in ids])

    def known(self, digests: Iterable[bytes]) -> dict[bytes, tuple[int, str | None]]:
        """Number and person of those digests that are in the gallery."""
        found = {}
        for digest in digests:
            for number, person in self._run("SELECT id, person FROM images WHERE digest = ?", (digest,)):
                found[digest] = (number, person)
        return found

    def count(self) -> int:
        """Number of images, those that wait for new embeddings included."""
        return int(self._run("SELECT count(*) FROM images")[0][0])

    def entries(self, model: str | None) -> Iterator[list[Entry]]:
        """What is known of the images that were embedded by ``model``, in the order of their numbers, in parts; without paths."""
        statement = "SELECT id, person, modality, camera, time FROM images WHERE model = ? ORDER BY id"
        for rows in self._parts(statement, (model,)):
            yield [Entry(number, person, Modality(modality), camera, time) for number, person, modality, camera, time in rows]

    def embeddings(self, model: str | None, width: int) -> Iterator[NDArray[np.float32]]:
        """``(n, D)`` embeddings by ``model`` in the order of their numbers, in parts.

        Raises:
            GalleryError: one has another width.
        """
        for rows in self._parts("SELECT embedding FROM images WHERE model = ? ORDER BY id", (model,)):
            yield self._matrix([row[0] for row in rows], width)

    def embeddings_of(self, ids: Sequence[int], width: int) -> NDArray[np.float32]:
        """``(n, D)`` embeddings of images."""
        return self._matrix([self._run("SELECT embedding FROM images WHERE id = ?", (int(number),))[0][0] for number in ids], width)

    def path_of(self, number: int) -> str | None:
        """File that an image came from."""
        path = self._run("SELECT path FROM images WHERE id = ?", (number,))[0][0]
        return None if path is None else os.fsdecode(path)

    def picture(self, number: int, kind: str = "thumbnail") -> bytes | None:
        """``thumbnail`` or ``original`` of an image, if it is kept."""
        found = self._run(f"SELECT {kind} FROM pictures WHERE id = ?", (number,))
        return found[0][0] if found else None

    def outdated(self, model: str) -> list[Outdated]:
        """Number, modality, path, box and digest of the images that ``model`` has not embedded, those in ``fresh`` left out."""
        rows = self._run(
            "SELECT id, modality, path, box, digest FROM images WHERE model != ?1 "
            "AND id NOT IN (SELECT id FROM fresh WHERE model = ?1) ORDER BY id",
            (model,),
        )
        return [
            (
                number,
                Modality(modality),
                None if path is None else os.fsdecode(path),
                None if box is None else tuple(json.loads(box)),
                digest,
            )
            for number, modality, path, box, digest in rows
        ]

    def put_fresh(self, ids: Sequence[int], embeddings: NDArray[np.float32], model: str) -> None:
        """Keep embeddings by a new model beside the old ones, but for images that were deleted meanwhile; inside :meth:`change`."""
        rows = [(number, model, row.astype("<f4").tobytes(), number) for number, row in zip(ids, embeddings, strict=True)]
        statement = "INSERT OR REPLACE INTO fresh SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM images WHERE id = ?)"
        with meaning(self.path):
            self._connection.executemany(statement, rows)

    def take_fresh(self, model: str) -> None:
        """Let the new embeddings replace the old ones; inside :meth:`change`."""
        self._run(
            "UPDATE images SET model = ?1, embedding = (SELECT embedding FROM fresh WHERE fresh.id = images.id) "
            "WHERE id IN (SELECT id FROM fresh WHERE model = ?1)",
            (model,),
        )
        self._run("DELETE FROM fresh")

    def forget_fresh(self, but: str) -> None:
        """Drop new embeddings by other models than ``but``; inside :meth:`change`."""
        self._run("DELETE FROM fresh WHERE model != ?", (but,))

    def checkpoint(self) -> bool:
        """Move all changes from the log into the file and empty the log; whether no other process kept it from doing so."""
        return bool(self._run("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0)

    def vacuum(self) -> None:
        """Give space that is no longer used back to the file system."""
        self._run("VACUUM")

    def damage(self) -> str:
        """What SQLite finds wrong in the file; empty if nothing is."""
        found = self._run("PRAGMA integrity_check(1)")[0][0]
        return "" if found == "ok" else str(found)

    def backup(self, target: Path) -> None:
        """Copy the gallery as it is at one moment, while others may use it."""
        with meaning(target):
            copy = sqlite3.connect(target, isolation_level=None)
            try:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file: what the log holds is moved into it
            finally:
                copy.close()

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """Let all that is read inside be of one moment."""
        with self.mutex, meaning(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")

    def _parts(self, statement: str, values: Sequence[Any]) -> Iterator[list[Any]]:
        with self.mutex, meaning(self.path):
            cursor = self._connection.execute(statement, values)
            while rows := cursor.fetchmany(CHUNK):
                yield rows

    def _matrix(self, blobs: Sequence[bytes], width: int) -> NDArray[np.float32]:
        if any(len(blob) != 4 * width for blob in blobs):
            raise GalleryError(f"{os.fspath(self.path)!r} is damaged: an embedding has not {width} numbers. Restore a backup of it.")
        return np.frombuffer(b"".join(blobs), "<f4").reshape(-1, width)


def _stored(
    number: int,
    person: str | None,
    camera: str | None,
    time: float | None,
    modality: int,
    embedding: bytes,
    path: bytes | None,
    box: str | None,
    *pictures: bytes | None,
) -> StoredImage:
    corners = None if box is None else tuple(json.loads(box))
    row = np.frombuffer(embedding, "<f4")
    name = None if path is None else os.fsdecode(path)
    return StoredImage(number, NewImage(person, camera, time, Modality(modality), row, name, corners, *pictures))


def new_file(path: Path) -> None:
    """Refuse to overwrite.

    Raises:
        OutputError: the file exists, or its folder does not.
    """
    if path.exists():
        raise OutputError(f"{os.fspath(path)!r} exists, and nothing is overwritten. Name another file.")
    if not path.parent.is_dir():
        raise OutputError(f"The folder of {os.fspath(path)!r} does not exist. Make it first.")
