"""What the server answers, over an embedder without a network."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import vireid
from tests.deploy.gallery.stand_in import Projection, image, on_disk
from tests.deploy.server.sent import encoded, enrol, server, shot, upload
from vireid import Gallery
from vireid.deploy import Where
from vireid.errors import OutputError

DAY = {"modality": "visible"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with server(tmp_path) as found:
        yield found


def test_what_is_added_is_found_filtered_and_removed(client: TestClient, tmp_path: Path) -> None:
    ids = enrol(client, camera="gate", time="2026-11-30T21:05")
    other = client.post("/images", files=shot(2, 5), data={**DAY, "person": "p2", "camera": "yard"}).json()["id"]
    found = client.post("/search", files=shot(2, 9), data={**DAY, "k": 3}).json()
    assert {row["person"] for row in found["candidates"]} == {"p2"}
    assert found["candidates"][0]["score"] > found["candidates"][2]["score"] > 0.5
    row = next(row for row in found["candidates"] if row["id"] != other)
    assert (row["camera"], row["time"], row["modality"]) == ("gate", "2026-11-30T21:05:00+00:00", "visible")
    with Image.open(io.BytesIO(base64.b64decode(row["thumbnail"]))) as thumbnail:
        assert thumbnail.size == (10, 20)
    assert found["threshold"] is found["unknown"] is row["accepted"] is None

    filtered = client.post(
        "/search", files=shot(2, 9), data={**DAY, "person": ["p0", "p1"], "camera": "gate", "since": "2026-01-01"}
    ).json()
    assert {row["person"] for row in filtered["candidates"]} == {"p0", "p1"}
    once = client.post("/search", files=shot(2, 9), data={**DAY, "by_person": "true"}).json()
    assert sorted(row["person"] for row in once["candidates"]) == ["p0", "p1", "p2", "p3"]

    assert client.delete("/images", params={"id": [ids[0], ids[1]]}).json() == {"removed": 2, "overwritten": True}
    assert client.delete("/images", params={"person": "p3", "camera": "gate"}).json()["removed"] == 2
    assert client.get("/gallery").json() == {"images": 5, "people": 2, "cameras": ["gate", "yard"], "model": Projection().card.digest[:12]}
    assert b"p3" not in on_disk(tmp_path / "people.gallery")


def test_an_image_that_is_there_already_is_not_added_again(client: TestClient) -> None:
    ids = enrol(client, people=1)
    again = client.post("/images", files=shot(0), data={**DAY, "person": "p0"})
    assert again.json()["id"] == ids[0]
    renamed = client.post("/images", files=shot(0), data={**DAY, "person": "other"})
    assert renamed.status_code == 422
    assert "as 'p0' and not as 'other'" in renamed.json()["detail"]
    assert client.get("/gallery").json()["images"] == 2


def test_people_come_in_parts(client: TestClient) -> None:
    enrol(client, people=3)
    client.post("/images", files=shot(9), data={**DAY, "person": "<b>p0</b>"})
    client.post("/images", files=shot(10), data=DAY)
    first = client.get("/people", params={"limit": 3}).json()
    assert first == {"people": [{"name": name, "images": count} for name, count in (("<b>p0</b>", 1), ("p0", 2), ("p1", 2))], "next": "p1"}
    assert client.get("/people", params={"after": "p1"}).json() == {"people": [{"name": "p2", "images": 2}], "next": None}
    assert client.get("/people", params={"after": "zz"}).json() == {"people": [], "next": None}


def test_a_calibrated_gallery_decides_by_the_lowest_rate_or_the_one_that_is_asked(tmp_path: Path) -> None:
    with Gallery(tmp_path / "people.gallery", Projection()) as gallery:
        for person in range(45):
            gallery.add([image(person, number) for number in range(8)], "visible", f"p{person}")
        gallery.calibrate([0.2, 0.1])
    with server(tmp_path) as client:
        mate = client.post("/search", files=shot(3, 50), data={**DAY, "k": 12}).json()
        assert mate["threshold"]["target"] == 0.1
        assert {line["target"] for line in mate["thresholds"]} == {0.2, 0.1}
        assert mate["compared"] == "score"
        assert mate["unknown"] is False
        assert [row["accepted"] for row in mate["candidates"]] == [row["score"] > mate["threshold"]["value"] for row in mate["candidates"]]
        looser = client.post("/search", files=shot(3, 50), data={**DAY, "target": 0.2}).json()
        assert looser["threshold"]["value"] < mate["threshold"]["value"]
        assert client.post("/search", files=shot(500), data=DAY).json()["unknown"] is True
        refused = client.post("/search", files=shot(3), data={**DAY, "target": 0.5})
        assert (refused.status_code, "calibrated: 0.2, 0.1" in refused.json()["detail"]) == (422, True)


def test_an_infrared_image_in_colour_is_remarked_upon(client: TestClient) -> None:
    enrol(client, people=1)
    with pytest.warns(UserWarning, match="in colour"):
        found = client.post("/search", files=shot(0), data={"modality": "infrared"}).json()
    assert "Is the modality right?" in found["remarks"][0]
    with pytest.warns(UserWarning, match="in colour"):
        added = client.post("/images", files=shot(0, 3), data={"modality": "infrared"}).json()
    assert "Is the modality right?" in added["remarks"][0]
    assert client.post("/images", files=shot(0, 3, grey=True), data={"modality": "infrared"}).json()["remarks"] == []


def test_a_mixed_gallery_without_calibration_is_a_conflict(client: TestClient) -> None:
    enrol(client, people=1)
    client.post("/images", files=shot(1, grey=True), data={"modality": "infrared"})
    refused = client.post("/search", files=shot(0), data=DAY)
    assert (refused.status_code, "not calibrated" in refused.json()["detail"]) == (409, True)
    assert client.post("/search", files=shot(0), data={**DAY, "in_modality": "visible"}).status_code == 200


def test_the_log_tells_searches_and_neither_images_nor_names_of_files(client: TestClient, tmp_path: Path) -> None:
    enrol(client, people=2, camera="gate")
    content = encoded(image(0, 3))
    data = {**DAY, "person": "p0", "in_modality": "visible"}
    found = client.post("/search", files=upload(content, "secret name.png"), data=data).json()
    client.post("/search", files=shot(1), data=DAY)
    lines = [json.loads(line) for line in (tmp_path / "searches.jsonl").read_text().splitlines()]
    assert [line.pop("time")[:2] for line in lines] == ["20", "20"]
    about = {"modality": "visible", "k": 10, "by_person": False}
    assert lines == [{**about, "person": ["p0"], "in_modality": "visible"}, about]
    assert len(found["candidates"]) == 2
    assert (tmp_path / "searches.jsonl").stat().st_mode & 0o077 == 0


def test_nothing_is_searched_that_cannot_be_logged(client: TestClient, tmp_path: Path) -> None:
    enrol(client, people=1)
    (tmp_path / "searches.jsonl").mkdir()
    refused = client.post("/search", files=shot(0), data=DAY)
    assert (refused.status_code, "nothing was searched" in refused.json()["detail"]) == (503, True)


def test_metrics_are_in_the_form_of_prometheus(client: TestClient) -> None:
    enrol(client, people=2)
    client.post("/search", files=shot(0), data=DAY)
    client.post("/search", data=DAY)
    client.get("/nothing/of/the/kind")
    client.get("/metrics")
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'vireid_requests_total{method="POST",path="/images",status="201"} 4' in lines
    assert 'vireid_requests_total{method="POST",path="/search",status="422"} 1' in lines
    assert 'vireid_requests_total{method="GET",path="other",status="404"} 1' in lines
    assert 'vireid_request_seconds_bucket{path="/images",le="+Inf"} 4' in lines
    assert 'vireid_requests_total{method="GET",path="/metrics",status="200"} 1' in lines
    assert "vireid_gallery_images 4" in lines
    assert "vireid_gallery_people 2" in lines
    buckets = [float(line.rpartition(" ")[2]) for line in lines if line.startswith('vireid_request_seconds_bucket{path="/images"')]
    assert buckets == sorted(buckets)
    assert all(line.startswith(("# HELP ", "# TYPE ", "vireid_")) for line in lines)


def test_openapi_describes_every_endpoint_and_its_answers(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/search", "/images", "/people", "/gallery", "/health", "/metrics"}
    reply = described["components"]["schemas"]["SearchReply"]["properties"]
    assert set(reply) == {"candidates", "threshold", "thresholds", "compared", "unknown", "remarks"}
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/docs").status_code == 404  # that page would ask a foreign host


def test_other_processes_may_search_a_gallery_that_is_served_and_not_change_it(client: TestClient, tmp_path: Path) -> None:
    enrol(client, people=1)
    with Gallery.open(tmp_path / "people.gallery", wait=0.1) as other:
        assert len(other.search_embedding(np.ones(other.width, np.float32), "visible").candidates) == 2
        with pytest.raises(OutputError, match="in use"):
            other.remove(Where(people=["p0"]))
    assert client.delete("/images", params={"person": "p0"}).json()["removed"] == 2


def test_the_page_has_the_colours_of_a_report() -> None:
    def blocks(css: str) -> list[dict[str, str]]:
        """Colours in light, in dark, and in dark that was chosen."""
        return [dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in re.findall(r":root[^{]*{([^}]*--paper[^}]*)}", css)][:3]

    package = Path(vireid.__file__).parent
    ours, theirs = (blocks((package / name).read_text()) for name in ("deploy/server/page/page.css", "report/page.css"))
    assert [len(block) for block in ours] == [11, 10, 10]
    assert [mine.items() - other.items() for mine, other in zip(ours, theirs, strict=True)] == [set()] * 3
