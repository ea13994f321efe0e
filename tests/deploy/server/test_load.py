"""Start-up and many requests at once, with the graphs of an exported network."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.deploy.conftest import Folder
from tests.deploy.gallery.stand_in import contents, image
from tests.deploy.server.processes import REAL, served
from tests.deploy.server.sent import encoded, upload
from vireid import Gallery
from vireid.deploy import OnnxEmbedder

pytestmark = pytest.mark.slow
DAY = {"modality": "visible"}
MANY = 200
INSTEAD = "import uvicorn; uvicorn.Server.run = lambda *_, **__: print('torch' in sys.modules); "
"""Tells whether torch was imported, at the moment in which the server is ready."""


def shot(person: int, number: int = 0) -> dict[str, tuple[str, bytes, str]]:
    return upload(encoded(image(person, number, size=(24, 48))))


def test_the_server_is_ready_within_one_and_a_half_seconds_of_the_processor_without_torch(exported: Folder, tmp_path: Path) -> None:
    program = REAL.replace("main([", f"{INSTEAD}main([")
    with served(tmp_path / "people.gallery", str(exported("shared")), program=program) as process:
        assert process.popen.stdout is not None
        assert process.popen.stdout.readline() == "False\n"
    with served(tmp_path / "people.gallery", str(exported("shared")), program=REAL) as process:
        seconds = process.cpu_seconds
        assert httpx2.get(f"{process.address}health").json()["status"] == "ok"
    print(f"ready after {seconds:.2f} CPU s")
    assert seconds <= 1.5


def test_200_searches_and_additions_at_once_lose_nothing_and_find_the_right_people(exported: Folder, tmp_path: Path) -> None:
    path, folder = tmp_path / "people.gallery", str(exported("shared"))
    embedder = OnnxEmbedder(folder)
    with Gallery(path, embedder) as gallery:
        gallery.add([image(person, 1, size=(24, 48)) for person in range(50)], "visible", [f"p{person}" for person in range(50)])
        wanted = [gallery.search(image(person, 2, size=(24, 48)), "visible", 3).candidates[0].entry.person for person in range(50)]
    seconds: list[float] = []

    def one(number: int) -> httpx2.Response:
        start = time.perf_counter()
        if number % 2:
            answer = client.post("/images", files=shot(1000 + number), data={**DAY, "person": f"new{number}"})
        else:
            names = [f"p{person}" for person in range(50)]
            answer = client.post("/search", files=shot(number // 2 % 50, 2), data={**DAY, "k": "3", "person": names})
        seconds.append(time.perf_counter() - start)
        return answer

    with served(path, folder, program=REAL) as process:
        limits = httpx2.Limits(max_connections=MANY)
        with httpx2.Client(base_url=process.address, timeout=300, limits=limits) as client, ThreadPoolExecutor(MANY) as pool:
            answers = list(pool.map(one, range(MANY)))
        metrics = httpx2.get(f"{process.address}metrics").text
    assert {answer.status_code for answer in answers[1::2]} == {201}
    assert [answer.json()["candidates"][0]["person"] for answer in answers[::2]] == [
        wanted[number // 2 % 50] for number in range(0, MANY, 2)
    ]
    assert f'vireid_requests_total{{method="POST",path="/search",status="200"}} {MANY // 2}' in metrics
    with Gallery.open(path) as gallery:
        kept = contents(gallery)
    assert len(kept) == 50 + MANY // 2
    assert {answer.json()["id"]: f"new{number}" for number, answer in enumerate(answers) if number % 2} == {
        number: entry[0] for number, entry in kept.items() if (entry[0] or "").startswith("new")
    }
    assert len((tmp_path / "people.gallery.searches.jsonl").read_text().splitlines()) == MANY // 2
    seconds.sort()
    print(json.dumps({"median": seconds[MANY // 2], "p95": seconds[int(0.95 * MANY)], "worst": seconds[-1]}))
