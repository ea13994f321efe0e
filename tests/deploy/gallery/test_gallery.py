"""A gallery adds, finds, changes and removes people."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.deploy.gallery.stand_in import WIDTH, Projection, contents, files, image, unit_rows
from vireid import Gallery
from vireid.deploy import Where
from vireid.structures import Modality


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.gallery"


@pytest.fixture
def gallery(path: Path) -> Iterator[Gallery]:
    with Gallery(path, Projection()) as opened:
        yield opened


def test_a_person_is_found_by_another_image(gallery: Gallery, tmp_path: Path) -> None:
    paths = files(tmp_path / "images", people=5, shots=2)
    ids = gallery.add(paths[::2], "visible", person=list("abcde"), camera="gate", time="2026-11-30T12:00Z")
    assert ids == [1, 2, 3, 4, 5]
    for person, query in enumerate(paths[1::2]):
        answer = gallery.search(query, "visible", k=2)
        best, second = answer.candidates
        assert best.entry.person == "abcde"[person]
        assert best.entry.path == str(paths[2 * person])
        assert (best.entry.camera, best.entry.time) == ("gate", datetime(2026, 11, 30, 12, tzinfo=timezone.utc).timestamp())
        assert 1 >= best.score > second.score
        assert (best.calibrated, best.accepted, answer.unknown) == (None, None, None)


def test_scores_are_cosines_and_the_list_is_that_of_a_loop(gallery: Gallery) -> None:
    rows = unit_rows(300)
    rows[40] = rows[17]  # a tie: the older image is first
    gallery.add_embeddings(rows, "visible")
    query = unit_rows(1, seed=9)[0] + rows[17]
    cosines = rows @ query / np.linalg.norm(query)
    expected = sorted(range(300), key=lambda row: (-cosines[row], row))[:20]
    answer = gallery.search_embedding(query, "infrared", k=20)
    assert [found.entry.id - 1 for found in answer.candidates] == expected
    np.testing.assert_allclose([found.score for found in answer.candidates], cosines[expected], rtol=1e-5)


def test_several_images_of_one_person_are_searched_by_their_mean(gallery: Gallery, tmp_path: Path) -> None:
    embedder = Projection()
    gallery.add([image(person) for person in range(4)], "visible", person=list("abcd"))
    queries = [image(1, 5), image(2, 6)]
    mean = embedder.embed(queries, "visible").mean(0)
    found = gallery.search(queries, "visible").candidates
    assert [candidate.score for candidate in found] == [c.score for c in gallery.search_embedding(mean, "visible").candidates]
    assert {found[0].entry.person, found[1].entry.person} == {"b", "c"}


def test_filters_by_person_camera_time_modality_and_number(gallery: Gallery) -> None:
    rows = unit_rows(8)
    gallery.add_embeddings(rows[:4], "visible", list("abab"), ["1", "1", "2", None], [0, 100, 200, None])
    gallery.add_embeddings(rows[4:], "infrared", list("abca"), "2", ["1970-01-01T00:05", 400, 500, 600])

    def ids(**given: object) -> list[int]:
        return [entry.id for entry in gallery.entries(Where(**given))]

    assert ids() == list(range(1, 9))
    assert ids(people=["a"]) == [1, 3, 5, 8]
    assert ids(people=["c", "b"]) == [2, 4, 6, 7]
    assert ids(cameras=["1"]) == [1, 2]
    assert ids(modality="infrared") == ids(modality=Modality.INFRARED) == [5, 6, 7, 8]
    assert ids(since=200) == [3, 5, 6, 7, 8]
    assert ids(until=datetime(1970, 1, 1, 0, 5)) == [1, 2, 3, 5]
    assert ids(since=100, until=400, people=["b"]) == [2, 6]
    assert ids(ids=[8, 1], people=["a"], cameras=["2"]) == [8]
    found = gallery.search_embedding(rows[0], "infrared", within=Where(people=["b"], modality="visible"))
    assert {candidate.entry.id for candidate in found.candidates} == {2, 4}


def test_each_person_once_with_the_best_image(gallery: Gallery) -> None:
    rows = unit_rows(60)
    people = [None if row % 10 == 0 else f"p{row % 6}" for row in range(60)]
    gallery.add_embeddings(rows, "visible", people)
    cosines = rows @ rows[7]
    expected, seen = [], set()
    for row in np.argsort(-cosines):
        if people[row] is None or people[row] not in seen:
            expected.append(int(row) + 1)
        seen.add(people[row])
    for k in (1, 3, 100):
        found = gallery.search_embedding(rows[7], "visible", k=k, by_person=True).candidates
        assert [candidate.entry.id for candidate in found] == expected[:k]


def test_everything_is_there_after_it_is_opened_again(path: Path, tmp_path: Path) -> None:
    paths = files(tmp_path / "images")
    with Gallery(path, Projection()) as gallery:
        gallery.add(paths, "visible", person=list("aabbcc"), camera=list("121212"), time=range(6))
        gallery.remove(Where(people=["b"]))
        before, thumbnail = contents(gallery), gallery.thumbnail(1)
        found = gallery.search(paths[0], "visible")
    with Gallery.open(path, Projection()) as gallery:
        assert contents(gallery) == before
        assert gallery.thumbnail(1) == thumbnail
        assert gallery.search(paths[0], "visible") == found
        assert (gallery.people, gallery.cameras, len(gallery), gallery.width) == (["a", "c"], ["1", "2"], 4, WIDTH)
        assert gallery.damage() == ""
        assert gallery.add(image(9), "visible") == [7]


def test_numbers_are_never_used_again(gallery: Gallery) -> None:
    gallery.add_embeddings(unit_rows(3), "visible")
    gallery.remove(Where(ids=[2, 3]))
    assert gallery.add_embeddings(unit_rows(1), "visible") == [4]
    gallery.remove(Where(modality="visible"))
    assert gallery.add_embeddings(unit_rows(1), "visible") == [5]


def test_what_is_there_already_is_not_added_again(gallery: Gallery, tmp_path: Path) -> None:
    paths = files(tmp_path / "images", people=2)
    first = gallery.add(paths[:3], "visible", person="a")
    assert gallery.add([*paths, paths[3]], "visible", person="a") == [*first, 4, 4]
    assert len(gallery) == 4
    boxes = [(0, 0, 5, 5), (0, 0, 5, 6)]
    assert gallery.add(paths[0], "visible", boxes=boxes, person="a") == [5, 6]  # other parts are other images
    with pytest.warns(UserWarning, match="1 of 1 infrared images are in colour"):
        assert gallery.add(paths[0], "infrared", person="a") == [7]  # and so is the other modality
    assert gallery.add(image(5), "visible") == gallery.add(np.asarray(image(5)), "visible") == [8]


def test_people_cameras_and_times_can_be_changed(gallery: Gallery, path: Path) -> None:
    gallery.add_embeddings(unit_rows(3), "visible", list("aab"), "1", 5)
    assert gallery.update(Where(people=["a"]), person="b", camera=None) == 2
    assert gallery.update(Where(ids=[3]), time="1970-01-01T00:01", person=None) == 1
    expected = {1: ("b", 0, None, 5.0), 2: ("b", 0, None, 5.0), 3: (None, 0, "1", 60.0)}
    assert contents(gallery) == expected
    with Gallery.open(path) as other:
        assert contents(other) == expected


def test_another_process_sees_changes(gallery: Gallery, path: Path) -> None:
    rows = unit_rows(4)
    gallery.add_embeddings(rows[:2], "visible", list("ab"))
    with Gallery.open(path, Projection()) as other:
        assert len(other) == 2
        gallery.add_embeddings(rows[2:3], "visible", ["c"])
        assert other.search_embedding(rows[2], "visible", k=1).candidates[0].entry.person == "c"
        gallery.remove(Where(people=["c"]))
        assert other.search_embedding(rows[2], "visible", k=1).candidates[0].entry.person in ("a", "b")
        gallery.update(Where(people=["a"]), person="z")
        assert other.people == ["b", "z"]
        other.add_embeddings(rows[3:], "visible", ["d"])
        assert gallery.people == ["b", "d", "z"]
        assert gallery.add_embeddings(rows[2:3], "infrared", ["e"]) == [5]
        assert other.people == ["b", "d", "e", "z"]


def test_thumbnails_are_small_pictures_without_metadata(gallery: Gallery, tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6  # lies on its side
    turned[0x010F] = "maker"
    Image.new("RGB", (900, 300), (200, 30, 30)).save(source, exif=turned)
    (number,) = gallery.add(source, "visible")
    saved = tmp_path / "thumbnail.jpg"
    saved.write_bytes(gallery.thumbnail(number) or b"")
    with Image.open(saved) as small:
        assert (small.format, small.size) == ("JPEG", (85, 256))
        assert not small.getexif()
    assert gallery.thumbnail(gallery.add_embeddings(unit_rows(1), "visible")[0]) is None


def test_threads_share_a_gallery(gallery: Gallery) -> None:
    rows = unit_rows(80)
    gallery.add_embeddings(rows[:40], "visible", [f"p{row}" for row in range(40)])
    wrong: list[object] = []

    def use(start: int) -> None:
        try:
            for row in range(start, 40, 4):
                found = gallery.search_embedding(rows[row], "visible", k=1).candidates[0].entry.person
                gallery.add_embeddings(rows[40 + row : 41 + row], "visible")
                if found != f"p{row}":
                    wrong.append(found)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=use, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(gallery) == 80


def test_a_backup_is_the_gallery_at_one_moment(gallery: Gallery, path: Path, tmp_path: Path) -> None:
    gallery.add([image(person) for person in range(3)], "visible", person=list("abc"))
    gallery.backup(tmp_path / "copy.gallery")
    before = contents(gallery)
    gallery.remove(Where(people=["a"]))
    assert sorted(file.name for file in tmp_path.iterdir() if "copy" in file.name) == ["copy.gallery"]
    with Gallery.open(tmp_path / "copy.gallery", Projection()) as copy:
        assert contents(copy) == before
        assert copy.thumbnail(1) is not None
        assert copy.damage() == ""


def test_vacuum_makes_the_file_smaller(gallery: Gallery, path: Path) -> None:
    gallery.add_embeddings(unit_rows(3000, 256), "visible", model="m")
    gallery.remove(Where(ids=range(1, 2900)))
    gallery.checkpoint()
    full = path.stat().st_size
    gallery.vacuum()
    gallery.checkpoint()
    assert path.stat().st_size < full / 5
    assert len(gallery) == 101
