"""The quantised index finds what the exact search finds; its file is derived."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.gallery.stand_in import remains, unit_rows
from vireid import Gallery
from vireid.deploy import Where
from vireid.errors import GalleryError

pytest.importorskip("faiss")

PEOPLE, EACH, D = 100, 20, 64


def people_rows(seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    """Images that resemble one another in people."""
    rows = np.repeat(unit_rows(PEOPLE, D, seed), EACH, 0) + 0.7 * unit_rows(PEOPLE * EACH, D, seed + 1)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "people.gallery"
    with Gallery(path, quantised=True) as gallery:
        gallery.add_embeddings(people_rows(), "visible", [f"p{row // EACH}" for row in range(PEOPLE * EACH)], model="m")
    return path


def found(gallery: Gallery, query: np.ndarray, **settings: object) -> list[tuple[int, float]]:  # type: ignore[type-arg]
    answer = gallery.search_embedding(query, "visible", **settings)  # type: ignore[arg-type]
    return [(candidate.entry.id, candidate.score) for candidate in answer.candidates]


def test_recall_of_the_ten_nearest_and_scores_that_are_cosines(path: Path) -> None:
    hits, total = 0, 0
    with Gallery.open(path) as exact, Gallery.open(path, quantised=True) as quantised:
        for query in people_rows(seed=7)[::40]:
            expected, given = dict(found(exact, query)), dict(found(quantised, query))
            hits += len(expected.keys() & given.keys())
            total += len(expected)
            for number in expected.keys() & given.keys():
                assert given[number] == pytest.approx(expected[number], abs=1e-6)
    assert hits / total >= 0.99


def test_filters_and_deletions_are_masks(path: Path) -> None:
    rows = people_rows()
    with Gallery.open(path, quantised=True) as gallery:
        assert set(dict(found(gallery, rows[0], k=9, within=Where(ids=[5, 700, 1500])))) == {5, 700, 1500}
        inside = found(gallery, rows[0], k=50, within=Where(people=["p0"]))
        assert {number for number, _ in inside} == set(range(1, EACH + 1))
        gallery.remove(Where(ids=[1]))
        assert 1 not in dict(found(gallery, rows[0], k=50))
        gallery.add_embeddings(rows[:1], "visible", "again", model="m")
        assert found(gallery, rows[0], k=1)[0] == (PEOPLE * EACH + 1, pytest.approx(1, abs=1e-6))


@pytest.mark.parametrize("damage", ["truncated", "absent", "text", "part", "other"])
def test_a_file_that_does_not_fit_is_made_again(path: Path, damage: str) -> None:
    rows, index = people_rows(), path.with_name("people.gallery.index")
    whole = index.read_bytes()
    if damage == "truncated":
        index.write_bytes(whole[: len(whole) // 2])
    elif damage == "absent":
        index.unlink()
    elif damage == "text":
        index.write_bytes(b"no index")
    elif damage == "part":
        path.with_name(".people.gallery.index.part").write_bytes(whole[:100])
    else:
        with Gallery.open(path) as gallery:  # one that has no index of its own
            gallery.remove(Where(ids=[3]))
    with Gallery.open(path, quantised=True) as gallery:
        assert found(gallery, rows[4], k=1) == [(5, pytest.approx(1, abs=1e-6))]
        assert (found(gallery, rows[2], k=1)[0][0] == 3) == (damage != "other")
        gallery.update(Where(ids=[5]), camera="c")
    with Gallery.open(path, quantised=True) as gallery:
        assert found(gallery, rows[4], k=1) == [(5, pytest.approx(1, abs=1e-6))]
    assert not path.with_name(".people.gallery.index.part").exists()


@pytest.mark.parametrize("quantised", [True, False])
def test_a_removed_row_is_not_in_the_file(path: Path, quantised: bool) -> None:
    index = path.with_name("people.gallery.index")
    before = index.stat().st_size
    with Gallery.open(path, quantised=quantised) as gallery:
        gallery.remove(Where(ids=range(1, 1001)))
        assert not index.exists()  # until it is written without them
    with Gallery.open(path, quantised=True) as gallery:
        assert len(found(gallery, people_rows()[1500])) == 10
    assert before - index.stat().st_size == 1000 * D
    assert remains(path, [row.tobytes() for row in people_rows()[:1000]]) == 0


def test_without_faiss_it_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(GalleryError, match=r"needs faiss: pip install 'vireid\[faiss\]'"):
        Gallery.open(path, quantised=True)
