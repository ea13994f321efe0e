"""A gallery on a Qdrant server, against the client's in-process mode: there is no package of the server to test against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.commands.runs import run
from tests.deploy.gallery.stand_in import Projection, contents, image, unit_rows
from tests.deploy.gallery.test_property import Filtered
from vireid import Gallery
from vireid.deploy import Where
from vireid.deploy.gallery.copying import copy_gallery
from vireid.deploy.gallery.qdrant import QdrantStore
from vireid.deploy.gallery.server_address import client_of
from vireid.deploy.gallery.server_gallery import ServerGallery
from vireid.errors import GalleryError, MissingFileError, OutputError, SettingsError, UnreachableError

qdrant = pytest.importorskip("qdrant_client")


@pytest.fixture
def client() -> Any:
    return qdrant.QdrantClient(":memory:")


class OnServer(Filtered):
    """The rules of a file. The second process is a second gallery on the same server; no index, and no space to give back."""

    def open(self, quantised: bool) -> None:
        self.server = qdrant.QdrantClient(":memory:") if not hasattr(self, "server") else self.server
        self.gallery = ServerGallery(self.server)  # type: ignore[assignment]
        self.reader = ServerGallery(self.server)  # type: ignore[assignment]

    def open_anew(self, quantised: bool) -> None:
        self.gallery = ServerGallery(self.server)  # type: ignore[assignment]

    def give_back(self) -> None:
        """Only a file does that."""


TestOnServer = OnServer.TestCase
TestOnServer.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def people(gallery: Any) -> None:
    for modality, seed in (("visible", 1), ("infrared", 2)):
        gallery.add_embeddings(
            unit_rows(40, seed=seed), modality, [f"p{i // 4}" for i in range(40)], [str(i % 3) for i in range(40)], model="m"
        )


def found(gallery: Any, **settings: Any) -> list[tuple[int, str | None, float]]:
    answer = gallery.search_embedding(unit_rows(1, seed=9)[0], "infrared", 12, Where(modality="visible", cameras=["1"]), **settings)
    return [(one.entry.id, one.entry.person, round(one.score, 5)) for one in answer.candidates]


def test_a_copy_there_and_back_finds_the_same_under_the_same_numbers(client: Any, tmp_path: Path) -> None:
    embedder = Projection()
    with Gallery(tmp_path / "first.gallery", embedder, keep_images=True) as first, Gallery(tmp_path / "back.gallery") as back:
        people_of = [f"p{number // 5}" for number in range(80)]
        first.add([image(number // 5, number) for number in range(80)], "visible", people_of, time=[float(n) for n in range(80)])
        first.add([image(number // 5, number, grey=True) for number in range(80)], "infrared", people_of, "3")
        first.remove(Where(ids=[2, 90]))
        first.calibrate((0.5,))
        server = ServerGallery(client, embedder)
        assert copy_gallery(first.store, server.store) == copy_gallery(server.store, back.store) == 158
        for other in (server, back):
            assert contents(other) == contents(first)  # type: ignore[arg-type]
            assert other.calibration == first.calibration
            assert other.thumbnail(1) == first.thumbnail(1) is not None
            for by_person in (False, True):
                query = unit_rows(1, seed=9)[0]
                mine, theirs = (g.search_embedding(query, "infrared", 12, target=0.5, by_person=by_person) for g in (first, other))
                assert [c.entry for c in mine.candidates] == [c.entry for c in theirs.candidates]
                assert [c.accepted for c in mine.candidates] == [c.accepted for c in theirs.candidates]
                np.testing.assert_allclose([c.score for c in mine.candidates], [c.score for c in theirs.candidates], atol=1e-6)
                assert mine.remarks == theirs.remarks
        shots = [image(0, shot, grey=True) for shot in range(2)]
        remarks = [gallery.search(shots, "infrared", 12, target=0.5).remarks for gallery in (first, server)]
        assert remarks[0] == remarks[1]
        assert "2 images were searched as one" in remarks[0][-1]
        assert back.store.picture(1, "original") == first.store.picture(1, "original") is not None
        assert server.add_embeddings(unit_rows(1), "visible", model=embedder.card.digest) == [161]  # a number of a removed image stays free


def test_a_copy_that_was_killed_goes_on_and_one_into_another_gallery_is_refused(client: Any, tmp_path: Path) -> None:
    with Gallery(tmp_path / "people.gallery") as source, Gallery(tmp_path / "empty.gallery") as empty:
        source.add_embeddings(unit_rows(700), "visible", model="m")
        target = ServerGallery(client)
        insert, calls = target.store.insert, []

        def dies(images: Any) -> None:
            calls.append(len(images))
            if len(calls) == 3:  # the first call is of settings alone
                insert(images[:100])  # half a batch
                raise KeyboardInterrupt
            insert(images)

        target.store.insert = dies  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            copy_gallery(source.store, target.store)
        assert len(target) == 356
        target.store.insert = insert  # type: ignore[method-assign]
        seen: list[int] = []
        stored = source.store.stored
        source.store.stored = lambda after: seen.append(after) or stored(after)  # type: ignore[method-assign,func-returns-value]
        assert copy_gallery(source.store, target.store) == 700
        assert seen == [256]
        assert contents(target) == contents(source)  # type: ignore[arg-type]
        with pytest.raises(OutputError, match="The gallery to copy to holds images, and nothing is overwritten"):
            copy_gallery(source.store, target.store)
        with pytest.raises(GalleryError, match="The gallery to copy from is empty"):
            copy_gallery(empty.store, target.store)
        source.store._run("UPDATE images SET model = 'older' WHERE id = 7")
        with pytest.raises(GalleryError, match="holds images that its model has not embedded"):
            copy_gallery(source.store, ServerGallery(qdrant.QdrantClient(":memory:")).store)


def test_the_command_copies_files_and_tells_both_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Gallery(tmp_path / "a.gallery") as source:
        people(source)
    assert run(capsys, "gallery", "copy", tmp_path / "a.gallery", tmp_path / "b.gallery").out.split() == [
        *(str(tmp_path / "a.gallery"), "and", str(tmp_path / "b.gallery"), "hold", "80", "images.")
    ]
    with Gallery.open(tmp_path / "a.gallery") as first, Gallery.open(tmp_path / "b.gallery") as second:
        assert contents(second) == contents(first)
    outcome = run(capsys, "gallery", "copy", tmp_path / "a.gallery", "qdrant://127.0.0.1:1/people")
    assert (outcome.code, "The Qdrant server does not answer" in outcome.err) == (2, True)
    assert "is named as qdrant://host:6333/people" in run(capsys, "gallery", "copy", tmp_path / "a.gallery", "qdrant://host").err
    assert "There is no gallery" in run(capsys, "gallery", "copy", tmp_path / "no.gallery", tmp_path / "c.gallery").err


def test_images_are_added_once_and_under_one_name(client: Any) -> None:
    gallery = ServerGallery(client, Projection(), keep_images=True)
    assert gallery.add([image(0), image(1), image(0)], "visible", ["ann", "bob", "ann"]) == [1, 2, 1]
    assert gallery.add([image(1)], "visible", "bob") == [2]
    with pytest.raises(SettingsError, match="is in the gallery already, as 'bob' and not as 'ann'"):
        gallery.add([image(1)], "visible", "ann")
    assert gallery.search(image(1), "visible", 1).candidates[0].entry.person == "bob"
    assert gallery.images_of_people() == {"ann": 1, "bob": 1}
    with pytest.raises(GalleryError, match="cannot be compared"):
        ServerGallery(client, Projection("second"))


def test_a_model_that_another_process_has_brought_meanwhile_is_noticed(client: Any) -> None:
    mine, other = (ServerGallery(client, Projection(name)) for name in ("first", "second"))
    other.add([image(1)], "visible", "ann")
    for use in (mine.search, mine.add):
        with pytest.raises(GalleryError, match="they cannot be compared"):
            use([image(1)], "visible")  # type: ignore[operator]


def test_a_server_is_named_by_an_address_of_ipv6() -> None:
    found, name = client_of("qdrant://[::1]:1/people")
    with pytest.raises(UnreachableError, match=r"Connection refused|Cannot assign requested address"):
        QdrantStore(found, name)


def test_bad_input(client: Any) -> None:
    for address in ("http://host/people", "qdrant://host", "qdrant:///people", "qdrant://host/a/b", "qdrant://[::1/people"):
        with pytest.raises(SettingsError, match="is named as qdrant://host:6333/people"):
            client_of(address)
    with pytest.raises(MissingFileError, match="There is no gallery 'people' on the server"):
        ServerGallery(client, create=False)
    gallery = ServerGallery(client)
    assert "is empty" in gallery.search_embedding(unit_rows(1)[0], "visible").remarks[0]
    people(gallery)
    for call, error, match in (
        (lambda: gallery.search_embedding(unit_rows(1)[0], "visible", 0), SettingsError, "`k` must be at least 1, got 0"),
        (lambda: gallery.search_embedding(unit_rows(1, 5)[0], "visible"), GalleryError, "embeddings of 32 numbers, got shape"),
        (lambda: gallery.search_embedding(unit_rows(1)[0], "visible"), GalleryError, "searched together"),
        (
            lambda: gallery.search_embedding(unit_rows(1)[0], "visible", within=Where(people=["p11"])),
            SettingsError,
            "holds no person 'p11'",
        ),
        (lambda: gallery.remove(Where(ids=[1, 777])), SettingsError, "The gallery holds no image 777"),
        (lambda: gallery.remove(Where()), SettingsError, "Say which images are meant"),
        (lambda: gallery.update(Where(ids=[1])), SettingsError, "`update` changes person, camera or time, got nothing"),
        (lambda: gallery.add([image(0)], "visible"), GalleryError, "was opened without an embedder"),
        (lambda: gallery.add_embeddings(np.zeros((1, 32), np.float32), "visible", model="m"), SettingsError, "no row of zeros"),
    ):
        with pytest.raises(error, match=match):
            call()
    assert len(gallery) == 80


def test_a_server_that_is_not_there_or_goes_away_is_a_sentence(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GalleryError, match=r"The Qdrant server does not answer, or refuses: .*Start it, and try again"):
        ServerGallery("qdrant://127.0.0.1:1/people")
    gallery = ServerGallery(client)
    people(gallery)
    before = found(gallery)
    from qdrant_client.http.exceptions import ResponseHandlingException

    def gone(*_: Any, **__: Any) -> None:
        raise ResponseHandlingException(ConnectionError("Connection refused"))

    with monkeypatch.context() as patch:
        for name in ("query_points", "upsert", "count"):
            patch.setattr(client, name, gone)
        for call in (lambda: found(gallery), lambda: gallery.add_embeddings(unit_rows(2), "visible", model="m"), lambda: len(gallery)):
            with pytest.raises(GalleryError, match=r"does not answer, or refuses: Connection refused\. What it acknowledged is kept"):
                call()
    assert found(gallery) == before
    assert len(gallery) == 80
