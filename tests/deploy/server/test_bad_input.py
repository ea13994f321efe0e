"""Requests that are wrong, too large, too many or foreign get a status and a sentence, and change nothing."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.deploy.gallery.stand_in import image
from tests.deploy.server.sent import encoded, enrol, server, shot, upload
from vireid.deploy.server.asgi import Message, Receive, Scope, Send
from vireid.deploy.server.bounds import LARGEST, Body, Queue
from vireid.deploy.server.origins import OwnSite
from vireid.deploy.server.tokens import read_token
from vireid.errors import OutputError, SettingsError

DAY = {"modality": "visible"}
TOKEN = "a-token-of-twenty-signs"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str | None, TestClient]]:
    """Clients of a server without a token, and of one with it; each gallery has two images, and no test changes that."""
    with server(tmp_path_factory.mktemp("open")) as client, server(tmp_path_factory.mktemp("closed"), token=TOKEN) as closed:
        enrol(client, people=1)
        yield {None: client, TOKEN: closed}


@pytest.fixture
def client(clients: dict[str | None, TestClient]) -> Iterator[TestClient]:
    """A client of the server without a token."""
    yield clients[None]
    assert clients[None].get("/gallery").json()["images"] == 2


def bomb() -> bytes:
    """A PNG of 1 kB that means 64 million pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 8000, 8000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(10**6))
    parts = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("path", ["/search", "/images"])
@pytest.mark.parametrize(
    ("files", "data", "status", "sentence"),
    [
        (upload(b""), DAY, 422, "The upload is empty"),
        (None, DAY, 422, "`image`: Field required"),
        (upload(b"GIF89a" + bytes(99)), DAY, 422, "not an image in a known format"),
        (upload(encoded(image(0))[:60]), DAY, 422, "The upload cannot be read"),
        (upload(b"%!PS-Adobe-3.0 EPSF-3.0\n"), DAY, 422, "not an image in a known format"),
        (upload(bomb()), DAY, 422, "8000 x 8000 pixels, more than 50,000,000"),
        (upload(encoded(image(0)), kind="text/html"), DAY, 415, "said to be 'text/html'"),
        (shot(0), {"modality": "thermal"}, 422, "`modality`"),
        (shot(0), {}, 422, "`modality`: Field required"),
    ],
    ids=["empty", "absent", "gif", "cut", "eps", "bomb", "type", "modality", "no modality"],
)
def test_a_wrong_upload_is_refused(client: TestClient, path: str, files: Any, data: dict[str, str], status: int, sentence: str) -> None:
    answer = client.post(path, files=files, data=data)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (status, True), answer.text


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"k": "0"}, "`k`"),
        ({"k": "101"}, "`k`"),
        ({"k": "many"}, "`k`"),
        ({"since": "yesterday"}, "`time` must be a date"),
        ({"person": "nobody"}, "holds no person 'nobody'"),
        ({"camera": "nowhere"}, "holds no camera"),
        ({"in_modality": "x"}, "`in_modality`"),
        ({"target": "0.1"}, "not calibrated"),
        ({"target": "nan"}, ""),
    ],
)
def test_a_wrong_filter_is_refused(client: TestClient, data: dict[str, str], sentence: str) -> None:
    answer = client.post("/search", files=shot(0), data={**DAY, **data})
    assert (answer.status_code, sentence in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize("name", ["\0", " ", "x" * 1001])
def test_a_name_that_cannot_be_stored_is_refused(client: TestClient, name: str) -> None:
    answer = client.post("/images", files=shot(5), data={**DAY, "person": name})
    assert (answer.status_code, "`person` must be a name" in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize("params", [{}, {"id": 77}, {"id": "x"}, {"person": "nobody"}, {"id": 10**30}])
def test_a_wrong_removal_removes_nothing(client: TestClient, params: dict[str, Any]) -> None:
    answer = client.delete("/images", params=params)
    assert (answer.status_code, bool(answer.json()["detail"])) == (422, True)


def test_the_path_of_an_upload_is_never_opened(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(encoded(image(3)))
    for name in (str(tmp_path / "mine.png"), "../../etc/passwd", "<img src=x onerror=alert(1)>.png"):
        assert client.post("/search", files=upload(b"no image", name), data=DAY).status_code == 422
    answer = client.post("/search", data={**DAY, "image": str(tmp_path / "mine.png")})
    assert answer.status_code == 422


def test_what_is_no_form_is_refused(client: TestClient) -> None:
    for kind in ("application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain"):
        answer = client.post("/search", content=b'{"image": 3}', headers={"Content-Type": kind})
        assert 400 <= answer.status_code < 500
        assert answer.json()["detail"]


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_is_too_large_is_not_kept(client: TestClient, chunked: bool) -> None:
    content = bytes(2**20)
    pieces = (content for _ in range(LARGEST // len(content) + 1))
    headers = {} if chunked else {"Content-Length": str(LARGEST + 2**20)}
    answer = client.post("/images", content=pieces, headers={"Content-Type": "multipart/form-data; boundary=x", **headers})
    assert (answer.status_code, answer.json()["detail"][:29]) == (413, "The request has more than 33,"), answer.text


def test_a_request_that_comes_too_slowly_is_ended() -> None:
    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 400, "headers": []})

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    sent = asyncio.run(asked(Body(reads, patience=0.05), receive=never))
    assert sent[0]["status"] == 408


def test_more_requests_than_the_queue_holds_are_refused() -> None:
    async def both() -> tuple[list[Message], list[Message], list[Message]]:
        inside, go = asyncio.Event(), asyncio.Event()

        async def waits(scope: Scope, receive: Receive, send: Send) -> None:
            inside.set()
            await go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        queue = Queue(waits, 1)
        first = asyncio.create_task(asked(queue))
        await inside.wait()
        refused = await asked(queue)
        go.set()
        return await first, refused, await asked(queue)

    first, refused, third = asyncio.run(both())
    assert [messages[0]["status"] for messages in (first, refused, third)] == [200, 503, 200]
    assert (b"retry-after", b"1") in refused[0]["headers"]
    assert b"Try again soon" in refused[1]["body"]


async def asked(app: Any, receive: Receive | None = None) -> list[Message]:
    """What an application sends."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return {"type": "http.request"}

    await app({"type": "http", "method": "POST", "path": "/search", "headers": []}, receive or nothing, keep)
    return sent


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8000"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "10.0.0.1:8000"},
    {"Host": "localhost@evil.example"},
    {"Host": ""},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9000"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_host_or_origin_is_refused_with_a_token_and_without(
    clients: dict[str | None, TestClient], headers: dict[str, str], token: str | None
) -> None:
    client, given = clients[token], {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    answers = [
        client.get("/gallery", headers=given),
        client.post("/images", files=shot(0), data=DAY, headers=given),
        client.delete("/images", params={"id": 1}, headers=given),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
    assert all(answer.json()["detail"] for answer in answers)


def test_own_names_and_own_pages_are_served(client: TestClient) -> None:
    for headers in (
        {"Host": "localhost:8000"},
        {"Host": "LOCALHOST"},
        {"Host": "[::1]:8000", "Origin": "http://[::1]:8000"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},  # somebody follows a link
    ):
        assert client.get("/gallery", headers=headers).status_code == 200, headers
    refused = client.delete("/images", params={"id": 1}, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("host", "names", "asked_for", "passes"),
    [
        ("0.0.0.0", (), "192.168.1.5:8000", True),
        ("0.0.0.0", (), "evil.example", False),
        ("0.0.0.0", ("People.example",), "people.example", True),
        ("192.168.1.5", (), "192.168.1.5", True),
        ("192.168.1.5", (), "192.168.1.6", False),
        ("::", (), "[fe80::1]:8000", True),
    ],
)
def test_names_of_a_server_that_others_reach(host: str, names: tuple[str, ...], asked_for: str, passes: bool) -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        raise AssertionError

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", asked_for.encode())]}
    asyncio.run(OwnSite(answers, host, names)(scope, nothing, keep))
    assert sent[0]["status"] == (200 if passes else 403)


def test_without_its_token_the_server_tells_nothing_of_the_gallery(clients: dict[str | None, TestClient]) -> None:
    client = clients[TOKEN]
    for given in (None, TOKEN, f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer ", "Bearer \xfc"):
        headers = httpx2.Headers([] if given is None else [(b"Authorization", given.encode("latin-1"))])
        for path in ("/gallery", "/people", "/metrics", "/images", "/nothing"):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert client.post("/search", files=shot(0), data=DAY, headers=headers).status_code == 401
    assert [client.get(path).status_code for path in ("/", "/page.js", "/health", "/openapi.json")] == [200] * 4
    assert client.get("/gallery", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    token, new = read_token(tmp_path / "token")
    assert new
    assert len(token) >= 40
    assert (tmp_path / "token").stat().st_mode & 0o077 == 0
    assert read_token(tmp_path / "token") == (token, False)
    (tmp_path / "short").write_text("secret\n")
    with pytest.raises(SettingsError, match="at least 16"):
        read_token(tmp_path / "short")
    with pytest.raises(OutputError, match="Cannot make the file"):
        read_token(tmp_path / "none" / "token")
    with pytest.raises(OutputError, match="Cannot read the token"):
        read_token(tmp_path)


def test_answers_forbid_foreign_hosts_and_frames(client: TestClient) -> None:
    for path in ("/", "/gallery", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_fault_of_the_server_is_a_sentence(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vireid.deploy.gallery.gallery.Gallery.search", lambda *_: 1 / 0)
    answer = client.post("/search", files=shot(0), data=DAY)
    assert (answer.status_code, answer.json()["detail"]) == (500, "The server failed (ZeroDivisionError). What it printed says more.")
