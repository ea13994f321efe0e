"""The file of a gallery: an SQLite database, how it is opened, and what its errors mean."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from vireid.errors import GalleryError, MissingFileError, OutputError

APPLICATION = 0x56524731  # "VRG1", which marks a database as a gallery
VERSION = 1
WAIT = 5.0
"""Seconds to wait for another process that is writing."""

TABLES = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person TEXT, camera TEXT, time REAL, modality INTEGER NOT NULL,
    path BLOB, box TEXT, digest BLOB UNIQUE,
    model TEXT NOT NULL, embedding BLOB NOT NULL
);
CREATE TABLE pictures (id INTEGER PRIMARY KEY, thumbnail BLOB, original BLOB);
CREATE TABLE fresh (id INTEGER PRIMARY KEY, model TEXT NOT NULL, embedding BLOB NOT NULL);
"""


def connect(path: Path, create: bool, wait: float = WAIT) -> sqlite3.Connection:
    """Open a gallery; a missing one is made if ``create`` says so.

    Commits are on the disk when they return. What is deleted is overwritten with zeros. The file cannot run code.

    Raises:
        MissingFileError: there is no such file.
        GalleryError: it is no gallery, is damaged, or is of a newer version.
        OutputError: it cannot be made.
    """
    name = os.fspath(path)
    if not create and not path.is_file():
        raise MissingFileError(f"There is no gallery {name!r}. `vireid gallery add` makes one.")
    if path.is_dir():
        raise GalleryError(
            f"{name!r} is a folder, and a gallery is a file. Name a file in it, such as {os.fspath(path / 'people.gallery')!r}."
        )
    if create and not path.parent.is_dir():
        raise OutputError(f"The folder of {name!r} does not exist. Make it first.")
    with meaning(path):
        connection = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    try:
        with meaning(path):
            _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    application, version, tables = _marks(connection)
    if (application, version, tables) != (0, 0, 0):
        _check(path, application, version)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not tables:
        connection.execute("BEGIN IMMEDIATE")
        if not _marks(connection)[2]:  # another process may have been quicker
            for statement in filter(str.strip, TABLES.split(";")):
                connection.execute(statement)
            connection.execute("INSERT INTO settings VALUES ('changes', '0')")
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def _marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    application, version = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version"))
    return application, version, int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _check(path: Path, application: int, version: int) -> None:
    if application != APPLICATION:
        raise GalleryError(f"{os.fspath(path)!r} is a database, but no gallery of vireid. Name another file.")
    if version > VERSION:
        raise GalleryError(f"{os.fspath(path)!r} is a gallery of version {version}, this vireid reads {VERSION}: upgrade the package.")


@contextlib.contextmanager
def meaning(path: Path) -> Iterator[None]:
    """Turn what SQLite raises inside the block into our errors."""
    name = os.fspath(path)
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise OutputError(
                f"Another program holds the gallery {name!r}. Wait until it has ended, or end it; nothing was changed."
            ) from error
        if "full" in text:
            raise OutputError(
                f"The disk of the gallery {name!r} is full. What was there before is intact; make room and try again."
            ) from error
        raise OutputError(f"Cannot use the gallery {name!r}: {text}. What was there before is intact.") from error
    except sqlite3.ProgrammingError as error:
        raise GalleryError(f"The gallery {os.fspath(path)!r} was closed. Open it again.") from error
    except sqlite3.DatabaseError as error:
        raise GalleryError(f"{os.fspath(path)!r} is damaged, or no gallery: {error}. Restore a backup of it.") from error
