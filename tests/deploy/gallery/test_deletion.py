"""What is removed is in no file."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.gallery.stand_in import Projection, image, on_disk, remains
from vireid import Gallery
from vireid.deploy import Where


def pieces(path: Path, numbers: list[int]) -> list[bytes]:
    """Embedding, digest, thumbnail and original of images, as they are stored; those that are kept."""
    connection = sqlite3.connect(path)
    found: list[bytes] = []
    for number in numbers:
        found += connection.execute("SELECT embedding, digest FROM images WHERE id = ?", (number,)).fetchone()
        found += connection.execute("SELECT thumbnail, original FROM pictures WHERE id = ?", (number,)).fetchone()
    connection.close()
    return [content for content in found if content is not None]


def test_after_a_checkpoint_no_byte_is_in_the_file_or_its_log(tmp_path: Path) -> None:
    """Many additions and removals: a database moves what it holds, and must leave nothing where it was."""
    path, chance = tmp_path / "people.gallery", random.Random(4)
    gone: list[bytes] = []
    with Gallery(path, Projection(width=200), keep_images=True) as gallery:
        for turn in range(10):
            pictures = [image(100 * turn + n, size=(chance.randint(8, 40), chance.randint(8, 40))) for n in range(10)]
            ids = gallery.add(pictures, "visible", person=[f"somebody {turn} {n}" for n in range(10)])
            gallery.update(Where(ids=ids[:2]), person="renamed")
            there = [entry.id for entry in gallery.entries()]
            chosen = chance.sample(there, chance.randint(1, len(there) * 2 // 3))
            gone += pieces(path, chosen)
            gallery.remove(Where(ids=chosen))
        assert gallery.checkpoint()
        kept = pieces(path, [entry.id for entry in gallery.entries()])
        assert (tmp_path / "people.gallery-wal").stat().st_size == 0
        assert remains(path, gone, living=kept) == 0
        assert remains(path, kept) > sum(len(content) for content in kept) / 8 / 2  # the check sees what is there


def test_without_overwriting_bytes_would_stay(tmp_path: Path) -> None:
    """The check itself fails for a database that only unlinks rows."""
    path = tmp_path / "people.gallery"
    with Gallery(path, Projection()) as gallery:
        gallery.add([image(n) for n in range(20)], "visible")
        removed = pieces(path, list(range(1, 20)))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA secure_delete = OFF")
    for table in ("images", "pictures"):
        connection.execute(f"DELETE FROM {table} WHERE id < 20")
    connection.close()
    assert remains(path, removed) > 0


def test_a_name_that_was_removed_is_in_no_file(tmp_path: Path) -> None:
    path = tmp_path / "people.gallery"
    with Gallery(path, Projection()) as gallery:
        gallery.add([image(1), image(2)], "visible", person=["Ann Example", "Bob Example"], camera=["north-gate-7", "south"])
        gallery.remove(Where(people=["Ann Example"]))
        gallery.update(Where(people=["Bob Example"]), person="P2")
    for name in (b"Ann Example", b"Bob Example", b"north-gate-7"):
        assert name not in on_disk(path)
    assert b"south" in on_disk(path)


def test_a_reader_that_holds_the_log_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "people.gallery"
    with Gallery(path, Projection(), wait=0.1) as gallery:
        gallery.add([image(1), image(2)], "visible", person=["a", "b"])
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM images").fetchone()
        gallery.remove(Where(people=["a"]))
        assert not gallery.checkpoint()
        reader.close()
        assert gallery.checkpoint()


@pytest.mark.parametrize("where", [Where(), None])
def test_nothing_is_removed_without_saying_what(tmp_path: Path, where: Where) -> None:
    with Gallery(tmp_path / "people.gallery", Projection()) as gallery:
        gallery.add(image(1), "visible")
        with pytest.raises(ValueError, match="Say which images are meant"):
            gallery.remove(where)
        assert len(gallery) == 1
        assert np.isfinite(gallery.search(image(1), "visible").candidates[0].score)
