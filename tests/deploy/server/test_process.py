"""``vireid serve`` as users start it: what it refuses, and that a killed server has kept all that it acknowledged."""

from __future__ import annotations

import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.commands.runs import run
from tests.deploy.gallery.stand_in import Projection, contents
from tests.deploy.server.processes import served
from tests.deploy.server.sent import shot
from vireid import Gallery

Capsys = pytest.CaptureFixture[str]
DAY = {"modality": "visible"}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capsys) -> Any:
    """Run ``vireid serve`` with an embedder without a network; the error, after exit code 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vireid.commands.gallery.actions.embedder_of", lambda _: Projection())

    def refused(*words: str) -> str:
        done = run(capsys, "serve", "folder", "--gallery", "people.gallery", *words)
        assert done.code == 2
        return str(done.err)

    return refused


def test_what_cannot_be_served_is_a_sentence(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "requests must carry a token: give `--token_file PATH`" in command("--host", "0.0.0.0")
    assert "at least 16" in (Path("short").write_text("x"), command("--token_file", "short"))[1]
    assert "`--queue` must be at least 1" in command("--queue", "0")
    assert "`--port` must be 0 to 65535" in command("--port", "70000")
    assert "Cannot listen at '203.0.113.1'" in command("--host", "203.0.113.1", "--token_file", "token", "--port", "0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "Name others with `--host` and `--port`" in command("--port", str(taken.getsockname()[1]))
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else name)
    assert "uvicorn must be installed to serve: pip install 'vireid[serve]'" in command()


def test_a_gallery_that_another_process_owns_is_not_served(command: Any, tmp_path: Path) -> None:
    with Gallery(tmp_path / "people.gallery", Projection()) as gallery, gallery.owned():
        assert "in use" in command("--port", "0", "--wait", "0.1")


def test_a_server_whose_places_are_taken_refuses_more_and_goes_on(tmp_path: Path) -> None:
    with served(tmp_path / "people.gallery", "--queue", "1") as process:
        host, port = process.address.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port))) as slow:
            kind = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99"
            slow.sendall(f"POST /images HTTP/1.1\r\nHost: {host}:{port}\r\n{kind}\r\n\r\n--x\r\n".encode())
            end = time.monotonic() + 20
            while "vireid_requests_under_way 1" not in httpx2.get(f"{process.address}metrics").text:
                assert time.monotonic() < end
            refused = httpx2.post(f"{process.address}images", files=shot(0), data=DAY)
            assert (refused.status_code, "Try again soon" in refused.json()["detail"]) == (503, True)
            assert httpx2.get(f"{process.address}gallery").json()["images"] == 0
        while "vireid_requests_under_way 0" not in httpx2.get(f"{process.address}metrics").text:
            assert time.monotonic() < end
        assert httpx2.post(f"{process.address}images", files=shot(0), data=DAY).status_code == 201


def test_a_gallery_on_a_server_that_is_not_there_is_not_served(command: Any, capsys: Capsys) -> None:
    pytest.importorskip("qdrant_client")
    for address, sentence in (
        ("qdrant://host", "is named as qdrant://host:6333/people"),
        ("qdrant://127.0.0.1:1/people", "The Qdrant server does not answer"),
    ):
        done = run(capsys, "serve", "folder", "--port", "0", "--gallery", address)
        assert (done.code, sentence in done.err) == (2, True), done.err


def test_a_killed_server_has_kept_what_it_acknowledged_and_the_next_one_serves_it(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "people.gallery", dict[int, str]()

    def add(address: str, first: int) -> None:
        with httpx2.Client(base_url=address) as client:
            for number in range(first, first + 10_000):
                try:
                    answer = client.post("/images", files=shot(number), data={**DAY, "person": f"p{number}"})
                except httpx2.HTTPError:
                    return
                acknowledged[answer.json()["id"]] = f"p{number}"

    for turn in range(2):
        with served(path) as process:
            threads = [threading.Thread(target=add, args=(process.address, 10_000 * (2 * turn + part))) for part in range(2)]
            for thread in threads:
                thread.start()
            wanted = len(acknowledged) + 12
            while len(acknowledged) < wanted:
                time.sleep(0.01)
            process.popen.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join()
    with served(path) as process:
        number, person = next(iter(acknowledged.items()))
        found = httpx2.post(f"{process.address}search", files=shot(int(person[1:])), data={**DAY, "k": "1"}).json()["candidates"]
        assert [(row["id"], row["person"]) for row in found] == [(number, person)]
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(30) == 143
    with Gallery.open(path) as gallery:
        kept = {number: entry[0] for number, entry in contents(gallery).items()}
        assert acknowledged.items() <= kept.items()
        assert gallery.damage() == ""
