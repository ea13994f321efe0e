"""What cannot be done is a sentence, and nothing is lost."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.deploy.gallery.stand_in import Projection, contents, files, image, unit_rows
from vireid import Gallery
from vireid.deploy import Where
from vireid.errors import BadImageError, GalleryError, MissingFileError, OutputError, SettingsError, VireidError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A gallery of three people."""
    path = tmp_path / "people.gallery"
    with Gallery(path, Projection()) as gallery:
        gallery.add([image(0), image(1), image(2)], "visible", person=list("abc"))
    return path


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda p: p.unlink(), MissingFileError, r"There is no gallery .*people\.gallery'\. `vireid gallery add` makes one"),
        (lambda p: p.write_bytes(b"no database at all" * 200), GalleryError, r"is damaged, or no gallery: .*Restore a backup"),
        (lambda p: p.write_bytes(p.read_bytes()[:5000]), GalleryError, r"is damaged, or no gallery: .*Restore a backup"),
        (lambda p: execute(p, "PRAGMA user_version = 2"), GalleryError, r"gallery of version 2, this vireid reads 1: upgrade"),
        (lambda p: execute(p, "PRAGMA application_id = 7"), GalleryError, r"is a database, but no gallery of vireid"),
        (lambda p: execute(p, "UPDATE images SET embedding = x'00'"), GalleryError, r"is damaged: an embedding has not 32 numbers"),
    ],
    ids=["absent", "text", "truncated", "newer", "other", "embedding"],
)
def test_files_that_are_no_gallery(path: Path, change: Callable[[Path], Any], error: type[VireidError], match: str) -> None:
    change(path)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(error, match=match), Gallery.open(path, Projection()) as gallery:
        gallery.search(image(0), "visible")
    assert (path.read_bytes() if path.exists() else None) == before


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_places_where_no_gallery_can_be(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="is a folder, and a gallery is a file"):
        Gallery(tmp_path)
    with pytest.raises(OutputError, match=r"The folder of .* does not exist"):
        Gallery(tmp_path / "absent" / "people.gallery")


def test_another_model_and_another_width(path: Path) -> None:
    with pytest.raises(GalleryError, match=r"are of model \w{12}, and this model is \w{12}: they cannot be compared\. .*gallery reembed"):
        Gallery.open(path, Projection("second"))
    with Gallery.open(path, Projection()) as gallery:
        digest = gallery.model
        with pytest.raises(GalleryError, match="holds embeddings of 32 numbers, got 8"):
            gallery.add_embeddings(unit_rows(1, 8), "visible")
        with pytest.raises(GalleryError, match=r"The gallery holds embeddings of 32 numbers, got shape \(8,\)"):
            gallery.search_embedding(unit_rows(1, 8)[0], "visible")
        with pytest.raises(GalleryError, match="they cannot be compared"):
            gallery.add_embeddings(unit_rows(1), "visible", model="other")
        gallery.embedder = Projection("second")
        with pytest.raises(GalleryError, match="they cannot be compared"):
            gallery.search(image(0), "visible")
        assert (gallery.model, len(gallery)) == (digest, 3)


def test_without_an_embedder_images_cannot_be_used(path: Path) -> None:
    with Gallery.open(path) as gallery:
        for use in (gallery.add, gallery.search):
            with pytest.raises(GalleryError, match="opened without an embedder"):
                use(image(0), "visible")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"person": ""}, "`person` must be a name of 1 to 1000 characters"),
        ({"person": "x" * 1001}, "`person` must be a name of 1 to 1000 characters"),
        ({"camera": "a\0b"}, "`camera` must be a name"),
        ({"person": "\ud800"}, r"`person` must be a name .*got '\\ud800'"),
        ({"time": "yesterday"}, "`time` must be a date and time such as .*got 'yesterday'"),
        ({"time": float("nan")}, "`time` must be a date and time"),
        ({"person": ["a", "b"]}, "`person` must be one value, or one for each of the 1 images, got 2"),
        ({"modality": "thermal"}, "`modality` must be visible or infrared, got 'thermal'"),
        ({"boxes": [[90, 90, 99, 99]]}, "The box .* lies outside of"),
    ],
)
def test_arguments_of_an_addition(path: Path, arguments: dict[str, Any], match: str) -> None:
    with Gallery.open(path, Projection()) as gallery:
        before = contents(gallery)
        with pytest.raises(SettingsError, match=match):
            gallery.add(image(7), **{"modality": "visible", **arguments})
        assert contents(gallery) == before


@pytest.mark.parametrize("name", ["[bold]x[/bold]", "../../etc/passwd", "a/b\\c", "<script>", "Ünïcödé 人", "'; DROP TABLE x; --"])
def test_any_text_is_a_name(path: Path, name: str) -> None:
    with Gallery.open(path, Projection()) as gallery:
        (number,) = gallery.add(image(7), "visible", person=name, camera=name)
        assert gallery.entries(Where(people=[name], cameras=[name]))[0].id == number
        assert gallery.remove(Where(people=[name])) == 1
        assert gallery.people == ["a", "b", "c"]


def test_names_and_numbers_that_are_not_there(path: Path) -> None:
    with Gallery.open(path, Projection()) as gallery:
        gallery.update(Where(people=["a"]), person="anna", camera="gate")
        for where, match in (
            (Where(people=["ann"]), r"The gallery holds no person 'ann'\. Did you mean 'anna'\?"),
            (Where(people="\x1b[31m"), r"holds no person '\\x1b\[31m'\.$"),
            (Where(cameras=["hall"]), "The gallery holds no camera 'hall'"),
            (Where(ids=[2, 77]), "The gallery holds no image 77"),
            (Where(since="noon"), "`time` must be a date"),
            (Where(modality="night"), "`modality` must be visible or infrared"),
        ):
            for use in (gallery.remove, gallery.entries, lambda where: gallery.update(where, camera="x")):
                with pytest.raises(SettingsError, match=match):
                    use(where)
        assert len(gallery) == 3


def test_changes_that_are_none(path: Path) -> None:
    with Gallery.open(path, Projection()) as gallery:
        with pytest.raises(SettingsError, match="`update` changes person, camera or time, got modality"):
            gallery.update(Where(ids=[1]), modality="infrared")
        with pytest.raises(SettingsError, match=r"got nothing\."):
            gallery.update(Where(ids=[1]))
        with pytest.raises(SettingsError, match="Say which images are meant"):
            gallery.update(Where(), person="x")


def test_an_image_that_is_there_under_another_name(path: Path) -> None:
    with Gallery.open(path, Projection()) as gallery:
        with pytest.raises(SettingsError, match=r"is in the gallery already, as 'a' and not as 'z'.*Use `update`"):
            gallery.add(image(0), "visible", person="z")
        with pytest.raises(SettingsError, match="as 'y' and not as 'z'"):
            gallery.add([image(8), image(8)], "visible", person=["y", "z"])
        assert len(gallery) == 3


def test_searches_that_are_none(path: Path, tmp_path: Path) -> None:
    with Gallery.open(path, Projection()) as gallery:
        with pytest.raises(SettingsError, match="`k` must be at least 1, got 0"):
            gallery.search(image(0), "visible", k=0)
        with pytest.raises(SettingsError, match="`images` must hold at least one image"):
            gallery.search([], "visible")
        with pytest.raises(SettingsError, match="this pair of modalities is not calibrated"):
            gallery.search(image(0), "visible", target=0.1)
        answer = gallery.search(image(0), "visible", k=50)
        assert len(answer.candidates) == 3
        assert answer.remarks == ("The gallery holds 3 that may be found, fewer than 50.",)
        gallery.update(Where(ids=[1]), time=5)
        for within in (Where(modality="infrared"), Where(since=100), Where(ids=[])):
            answer = gallery.search(image(0), "visible", within=within)
            assert answer.candidates == ()
            assert "No image of the gallery was searched" in answer.remarks[0]
    with Gallery(tmp_path / "empty.gallery", Projection()) as empty:
        assert empty.search(image(0), "visible").candidates == ()


@pytest.mark.parametrize("rows", [np.zeros((2, 4)), np.full((1, 4), np.nan), np.ones(4), np.zeros((0, 4)), np.array([[np.inf, 0]])])
def test_embeddings_that_are_none(path: Path, rows: Any) -> None:
    with Gallery.open(path, Projection()) as gallery, pytest.raises(SettingsError, match=r"must be \(N, D\) finite numbers"):
        gallery.add_embeddings(rows, "visible")


def test_a_bad_image_keeps_the_batches_before_it_and_the_same_call_goes_on(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vireid.deploy.gallery.changeable.BATCH", 2)
    images = files(tmp_path / "images", people=3, shots=2)
    whole = images[3].read_bytes()
    images[3].write_bytes(whole[:100])
    with Gallery.open(path, Projection()) as gallery:
        with pytest.raises(BadImageError, match=r"Cannot read image .*1-1\.png"):
            gallery.add(images, "visible")
        assert len(gallery) == 5
        images[3].write_bytes(whole)
        assert gallery.add(images, "visible") == [4, 5, 6, 7, 8, 9]
        with pytest.raises(MissingFileError, match=r"There is no image file .*nowhere\.png"):
            gallery.add(tmp_path / "nowhere.png", "visible")


def test_a_full_disk_loses_nothing_that_was_added(path: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    program = f"""
import resource, signal, sys
from pathlib import Path
from tests.deploy.gallery.stand_in import Projection, unit_rows
from vireid import Gallery
from vireid.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
gallery = Gallery.open({str(path)!r}, Projection())
limit = 300_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    for turn in range(1000):
        print(max(gallery.add_embeddings(unit_rows(50, seed=turn), "visible")), flush=True)
except OutputError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "What was there before is intact" in done.stderr, done.stderr
    acknowledged = int(done.stdout.split()[-1])
    assert acknowledged >= 53
    with Gallery.open(path, Projection()) as gallery:
        assert [entry.id for entry in gallery.entries()] == list(range(1, acknowledged + 1))
        assert gallery.damage() == ""
        assert gallery.add(image(9), "visible") == [acknowledged + 1]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 300_000


def test_another_program_that_holds_the_database(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Gallery.open(path, Projection(), wait=0.1) as gallery:
        with pytest.raises(OutputError, match="Another program holds the gallery"):
            gallery.remove(Where(people=["a"]))
        assert gallery.people == ["a", "b", "c"]
        assert gallery.search(image(0), "visible").candidates[0].entry.person == "a"  # reading goes on
        other.execute("ROLLBACK")
        assert gallery.remove(Where(people=["a"])) == 1
    other.close()


def test_a_backup_overwrites_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with Gallery.open(path) as gallery:
        with pytest.raises(OutputError, match="exists, and nothing is overwritten"):
            gallery.backup(tmp_path / "there")
        with pytest.raises(OutputError, match=r"The folder of .* does not exist"):
            gallery.backup(tmp_path / "absent" / "copy")
        with pytest.raises(OutputError, match="exists, and nothing is overwritten"):
            gallery.backup(path)
    assert (tmp_path / "there").read_text() == "mine"


def test_a_gallery_that_was_closed(path: Path) -> None:
    gallery = Gallery(path, Projection())
    gallery.close()
    gallery.close()
    with pytest.raises(GalleryError, match=r"people\.gallery' was closed\. Open it again"):
        gallery.search(image(1), "visible")
