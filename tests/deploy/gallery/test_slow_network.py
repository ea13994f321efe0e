"""Nobody waits for a network: the gallery is searched and changed while images are embedded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.deploy.gallery.stand_in import Projection, files, image, remains, unit_rows
from vireid import Gallery
from vireid.deploy import Where
from vireid.errors import GalleryError


class Blocked(Projection):
    """An embedder whose first batch takes until it is let go."""

    def __init__(self, name: str = "first") -> None:
        super().__init__(name)
        self.begun, self.free, self.seen = threading.Event(), threading.Event(), 0

    def _raw(self, pixels: NDArray[np.uint8], modality: Any) -> NDArray[np.float32]:
        self.begun.set()
        assert self.free.wait(60)
        self.seen += len(pixels)
        return super()._raw(pixels, modality)


@contextlib.contextmanager
def meanwhile(embedder: Blocked, call: Callable[[], Any]) -> Iterator[list[Any]]:
    """Run a call in a thread; the block runs while its network computes. What it returns or raises is in the list then."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(call())
        except GalleryError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert embedder.begun.wait(60)
    try:
        yield found
    finally:
        embedder.free.set()
        thread.join(60)


def test_an_addition_keeps_nobody_waiting(tmp_path: Path) -> None:
    path, slow = tmp_path / "people.gallery", Blocked()
    with Gallery(path, Projection()) as gallery:
        gallery.add([image(1), image(2)], "visible", person=["a", "b"])
    with Gallery(path, slow, wait=0) as gallery, Gallery(path, Projection(), wait=0) as other:  # the other is as one of another process
        with meanwhile(slow, lambda: gallery.add([image(1), image(3)], "visible", person=["a", "c"])) as added:
            assert gallery.search_embedding(unit_rows(1)[0], "visible", k=5).candidates[1:]
            assert gallery.add_embeddings(unit_rows(1), "visible", "d") == [3]
            assert other.add(image(3), "visible", person="c") == [4]
            assert other.remove(Where(people=["a"])) == 1
        assert added == [[5, 4]]  # the first was removed meanwhile and is stored again; the other one was added by somebody else
        assert slow.seen == 2
        for current in (gallery, other):
            best = current.search_embedding(Projection().embed(image(1), "visible")[0], "visible", k=1).candidates[0]
            assert (best.entry.id, best.score) == (5, pytest.approx(1, abs=1e-6))


def test_a_new_model_embeds_what_others_add_meanwhile(tmp_path: Path) -> None:
    path, slow = tmp_path / "people.gallery", Blocked("second")
    images = files(tmp_path / "images", people=4, shots=1)
    with Gallery(path, Projection(), wait=0) as gallery, Gallery(path, Projection(), wait=0) as other:
        gallery.add(images[:3], "visible", person=list("abc"))
        with meanwhile(slow, lambda: gallery.reembed(slow)) as done:
            assert gallery.search(images[0], "visible").candidates[0].entry.person == "a"
            assert other.add(images[3], "visible", person="d") == [4]
            assert gallery.remove(Where(people=["b"])) == 1
        assert [(result.done, result.missing) for result in done] == [(3, {})]
        assert gallery.people == ["a", "c", "d"]
        assert gallery.search(images[3], "visible", k=1).candidates[0].score == pytest.approx(1, abs=1e-6)
        with pytest.raises(GalleryError, match="are of model"):
            other.add(image(7), "visible")
    removed = [embedder.embed(images[1], "visible").tobytes() for embedder in (slow, Projection())]
    assert remains(path, removed) == 0


def test_images_of_an_old_model_are_refused_when_the_model_changed_meanwhile(tmp_path: Path) -> None:
    path, slow = tmp_path / "people.gallery", Blocked()
    images = files(tmp_path / "images", people=1, shots=1)
    with Gallery(path, Projection()) as gallery:
        gallery.add(images, "visible")
    with Gallery(path, slow) as gallery, Gallery(path) as other:
        with meanwhile(slow, lambda: gallery.add(image(5), "visible")) as added:
            assert other.reembed(Projection("second")).done == 1
        assert "cannot be compared" in str(added[0])
        assert len(other) == 1
