"""The server over a gallery on a Qdrant server, which goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.deploy.gallery.qdrant_over_http import QdrantOverHttp
from tests.deploy.gallery.stand_in import Projection, contents
from tests.deploy.server.processes import served
from tests.deploy.server.sent import HERE, enrol, shot
from vireid.deploy import ServerGallery
from vireid.deploy.server.application import application
from vireid.deploy.server.search_log import SearchLog

pytest.importorskip("qdrant_client")
DAY = {"modality": "visible"}


@pytest.fixture
def store() -> Iterator[QdrantOverHttp]:
    with QdrantOverHttp().listening() as found:
        yield found


@pytest.fixture
def client(store: QdrantOverHttp, tmp_path: Path) -> Iterator[TestClient]:
    embedder = Projection()
    with ServerGallery(store.address, embedder) as gallery:
        app = application(gallery, embedder, SearchLog(tmp_path / "searches.jsonl"))
        yield TestClient(app, HERE, raise_server_exceptions=False)


def test_it_answers_as_over_a_file(client: TestClient) -> None:
    ids = enrol(client, camera="gate", time="2026-11-30T21:05")
    found = client.post("/search", files=shot(2, 9), data={**DAY, "k": 2, "camera": "gate"}).json()
    assert [(row["person"], row["time"], bool(row["thumbnail"])) for row in found["candidates"]] == [
        ("p2", "2026-11-30T21:05:00+00:00", True)
    ] * 2
    assert client.get("/people", params={"limit": 2}).json()["next"] == "p1"
    assert client.delete("/images", params={"id": ids[0]}).json() == {"removed": 1, "overwritten": False}
    assert client.get("/gallery").json()["images"] == 7


def test_while_its_store_is_gone_requests_are_503_and_nothing_is_lost(client: TestClient, store: QdrantOverHttp) -> None:
    ids = enrol(client)
    before = contents(ServerGallery(store.address))  # type: ignore[arg-type]
    requests = {
        "search": lambda: client.post("/search", files=shot(2, 9), data=DAY),
        "add": lambda: client.post("/images", files=shot(77), data=DAY),
        "remove": lambda: client.delete("/images", params={"id": ids[0]}),
        "people": lambda: client.get("/people"),
        "gallery": lambda: client.get("/gallery"),
    }
    for request in requests.values():
        for left in (0, 1):
            store.left = left
            answer = request()
            assert answer.status_code == 503
            assert "The Qdrant server does not answer" in answer.json()["detail"]
    assert client.get("/health").status_code == 200
    assert "vireid_gallery_answers 0" in client.get("/metrics").text.splitlines()
    store.left = None
    assert "vireid_gallery_answers 1" in client.get("/metrics").text.splitlines()
    assert contents(ServerGallery(store.address)) == before  # type: ignore[arg-type]
    assert client.post("/images", files=shot(77), data=DAY).status_code == 201
    assert client.post("/search", files=shot(2, 9), data=DAY).status_code == 200


def test_the_command_serves_it_and_requests_at_once_give_each_image_a_number_of_its_own(store: QdrantOverHttp, tmp_path: Path) -> None:
    def add(person: int) -> int:
        answer = httpx2.post(f"{process.address}images", files=shot(person), data={**DAY, "person": f"p{person}"}, timeout=60)
        return int(answer.json()["id"])

    with served(store.address, "--log", str(tmp_path / "log")) as process:
        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(add, range(24)))
        assert sorted(ids) == list(range(1, 25))
        assert httpx2.get(f"{process.address}gallery").json()["people"] == 24
