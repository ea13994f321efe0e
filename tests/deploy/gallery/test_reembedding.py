"""A new model: every embedding is computed again, from files or kept originals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.deploy.gallery.stand_in import Projection, contents, files, image, remains, unit_rows
from vireid import Gallery
from vireid.deploy import Where
from vireid.errors import GalleryError

OLD, NEW = Projection(), Projection("second", width=24)


def test_files_and_parts_of_them_are_embedded_again(tmp_path: Path) -> None:
    paths = files(tmp_path / "images", people=3, shots=1)
    path = tmp_path / "people.gallery"
    box = (1, 2, 8, 15)
    with Gallery(path, OLD) as gallery:
        gallery.add(paths, "visible", person=list("abc"))
        gallery.add(paths[0], "visible", person="part", boxes=[box])
        before = contents(gallery)
        done = gallery.reembed(NEW)
        assert (done.done, done.missing) == (4, {})
        assert (gallery.model, gallery.width, contents(gallery)) == (NEW.card.digest, 24, before)
        expected = np.concatenate([NEW.embed(paths, "visible"), NEW.embed(paths[0], "visible", box)])
        for row, person in zip(expected, ["a", "b", "c", "part"], strict=True):
            best = gallery.search_embedding(row, "visible", k=1).candidates[0]
            assert (best.entry.person, best.score) == (person, pytest.approx(1, abs=1e-6))
    with Gallery.open(path, NEW) as gallery:
        assert contents(gallery) == before
    assert remains(path, [row.tobytes() for row in OLD.embed(paths, "visible")]) == 0


def test_kept_originals_need_no_files(tmp_path: Path) -> None:
    paths = files(tmp_path / "images", people=2, shots=1)
    with Gallery(tmp_path / "people.gallery", OLD, keep_images=True) as gallery:
        gallery.add(paths, "visible")
        gallery.add(paths[0], "visible", boxes=[(0, 0, 6, 9)])
        gallery.add([np.asarray(image(7)), image(8)], "visible")
        expected = [
            *NEW.embed(paths, "visible"),
            *NEW.embed(paths[0], "visible", (0, 0, 6, 9)),
            *NEW.embed([image(7), image(8)], "visible"),
        ]
        for source in paths:
            source.unlink()
        assert gallery.reembed(NEW).missing == {}
        for number, row in enumerate(expected, 1):
            best = gallery.search_embedding(row, "visible", k=1).candidates[0]
            assert (best.entry.id, best.score) == (number, pytest.approx(1, abs=1e-6))


def test_what_cannot_be_embedded_is_listed_and_comes_back_with_its_file(tmp_path: Path) -> None:
    paths = files(tmp_path / "images", people=4, shots=1)
    with Gallery(tmp_path / "people.gallery", OLD) as gallery:
        gallery.add(paths, "visible", person=list("abcd"))
        gallery.add(image(9), "visible")
        gallery.add_embeddings(unit_rows(1), "visible")
        away, other = paths[0].rename(tmp_path / "away.png"), paths[1].read_bytes()
        image(77).save(paths[1])
        done = gallery.reembed(NEW)
        assert done.done == 2
        assert {number: reason[:40] for number, reason in done.missing.items()} == {
            1: f"Its file {str(paths[0])!r}"[:40],
            2: f"Its file {str(paths[1])!r}"[:40],
            5: "It has no file, and its original was not",
            6: "It has no file, and its original was not",
        }
        assert (len(gallery), gallery.waiting, gallery.people) == (2, 4, ["c", "d"])
        away.rename(paths[0])
        paths[1].write_bytes(other)
        done = gallery.reembed(NEW)
        assert (done.done, set(done.missing)) == (4, {5, 6})
        assert gallery.people == ["a", "b", "c", "d"]
        assert gallery.search(paths[0], "visible", k=1).candidates[0].entry.person == "a"


def test_a_gallery_of_which_nothing_can_be_embedded_stays(tmp_path: Path) -> None:
    with Gallery(tmp_path / "people.gallery", OLD) as gallery:
        gallery.add_embeddings(unit_rows(3), "visible", "a")
        with pytest.raises(GalleryError, match=r"None of the 3 images can be embedded again, and nothing was changed\."):
            gallery.reembed(NEW)
        assert (gallery.model, len(gallery)) == (OLD.card.digest, 3)
        assert gallery.search_embedding(unit_rows(3)[1], "visible", k=1).candidates[0].entry.id == 2


def test_it_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vireid.deploy.gallery.reembedding.BATCH", 4)
    paths = files(tmp_path / "images", people=10, shots=1)
    seen: list[int] = []

    class Interrupted(Projection):
        def embed_pixels(self, pixels: np.ndarray, modality: object) -> np.ndarray:  # type: ignore[override,type-arg]
            seen.append(len(pixels))
            if len(seen) == 2:
                raise KeyboardInterrupt
            return super().embed_pixels(pixels, modality)  # type: ignore[arg-type]

    with Gallery(tmp_path / "people.gallery", OLD) as gallery:
        gallery.add(paths, "visible", person=[str(n) for n in range(10)])
        with pytest.raises(KeyboardInterrupt):
            gallery.reembed(Interrupted("second", 24))
        assert gallery.model == OLD.card.digest
        assert gallery.search(paths[3], "visible", k=1).candidates[0].score == pytest.approx(1, abs=1e-6)  # still the old model's
        assert gallery.reembed(Interrupted("second", 24)).done == 10
        assert seen == [4, 4, 4, 2]  # the first four were kept
        gallery.remove(Where(people=["3"]))
        assert gallery.search(paths[2], "visible", k=1).candidates[0].entry.person == "2"
