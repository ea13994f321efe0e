"""The commands on a gallery of a Qdrant server over HTTP, which goes away in the middle, wants a key, or is another program."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.commands.runs import Outcome, run
from tests.deploy.gallery.qdrant_over_http import KEY, QdrantOverHttp
from tests.deploy.gallery.stand_in import Projection, contents, files, image
from vireid import Gallery
from vireid.deploy import ServerGallery, Where, open_gallery
from vireid.errors import MissingFileError, SettingsError, UnreachableError

pytest.importorskip("qdrant_client")
Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def server() -> Iterator[QdrantOverHttp]:
    with QdrantOverHttp().listening() as found:
        yield found


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capsys) -> Any:
    """Run ``vireid gallery`` with an embedder without a network."""
    monkeypatch.chdir(tmp_path)
    for module in ("actions", "finding", "files"):
        monkeypatch.setattr(f"vireid.commands.gallery.{module}.embedder_of", lambda _: Projection())

    def answer(*words: Any) -> Outcome:
        return run(capsys, "gallery", *words)

    return answer


def people(folder: Path, count: int = 3) -> Path:
    for person in range(count):
        (folder / f"p{person}").mkdir(parents=True)
        for shot in range(2):
            image(person, shot).save(folder / f"p{person}" / f"{shot}.png")
    return folder


def test_a_gallery_on_a_server_is_used_as_one_in_a_file(command: Any, server: QdrantOverHttp, tmp_path: Path) -> None:
    day, at = people(tmp_path / "day"), server.address
    added = command("add", at, day, "--modality", "visible", "--camera", "gate", "--time", "2026-11-30T21:05")
    assert added.out.split("\n")[0] == f"Added 6 images. {at} holds 6 images of 3 people."
    again = command("add", at, day / "p0" / "0.png", "--modality", "visible", "--person", "p0")
    assert again.out.split("\n")[0] == f"Added 0 images; 1 was there already. {at} holds 6 images of 3 people."
    image(1, 9).save("night.png")
    found = json.loads(command("search", at, "night.png", "--modality", "visible", "--k", "2", "--camera", "gate", "--format", "json").out)
    assert [one["entry"]["person"] for one in found["candidates"]] == ["p1", "p1"]
    told = command("info", at, "--images").out
    assert f"{at}: 6 images (6 visible and 0 infrared) of 3 people, 1 camera\n" in told
    assert "taken from 2026-11-30T21:05:00+00:00 to 2026-11-30T21:05:00+00:00" in told
    assert "file is" not in told
    assert told.count("gate") == 6
    removed = command("remove", at, "--person", "p1").out
    assert removed == f"Removed 2 images. {at} holds 4 images of 2 people.\nThe server overwrites their bytes when it likes.\n"
    assert "The gallery holds no person 'p1'." in command("search", at, "night.png", "--modality", "visible", "--person", "p1").err
    assert command("copy", at, "back.gallery").out == f"{at} and back.gallery hold 4 images.\n"
    with Gallery.open("back.gallery") as back, open_gallery(at) as there:
        assert contents(back) == contents(there)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("calibrate",), "`vireid gallery calibrate people.gallery`; then copy the file to a new name on the server"),
        (("reembed", "m"), "`vireid gallery reembed people.gallery`; then copy the file to a new name on the server"),
        (("backup", "b"), "/people b` copies it into a file"),
        (("vacuum",), "it gives space back by itself"),
        (("search", "night.png", "--modality", "visible", "--quantised"), "leave out `--quantised`"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else "",
)
def test_what_only_a_file_can_is_refused_with_the_way_by_a_file(command: Any, words: Any, instead: str, tmp_path: Path) -> None:
    image(1, 9).save("night.png")
    refused = command(words[0], "qdrant://127.0.0.1:1/people", *words[1:])
    assert refused.code == 2
    assert "is on a server" in refused.err
    assert instead in refused.err


@pytest.mark.parametrize("obeyed", [False, True], ids=["not obeyed", "obeyed unheard"])
def test_an_addition_in_which_the_server_goes_away_is_completed_by_the_same_command(
    command: Any, server: QdrantOverHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obeyed: bool
) -> None:
    monkeypatch.setattr("vireid.deploy.gallery.changeable.BATCH", 2)
    day, words = people(tmp_path / "day"), ("add", server.address, tmp_path / "day", "--modality", "visible")
    command("add", server.address, day / "p0" / "0.png", "--modality", "visible", "--person", "p0")
    needed = len(server.asked)
    for left in range(1, 3 * needed, 3):
        server.left, server.answers_last = left, obeyed
        outcome = command(*words)
        server.left = None
        if outcome.code == 0:
            break
        assert outcome.code == 2
        assert "The Qdrant server does not answer, or refuses" in outcome.err
        assert "Traceback" not in outcome.err
    assert left > 5
    assert command(*words).out.split("\n")[0] == f"Added 0 images; 6 were there already. {server.address} holds 6 images of 3 people."
    with open_gallery(server.address) as gallery:
        assert sorted(entry.person or "" for entry in gallery.entries()) == [f"p{n // 2}" for n in range(6)]
        assert len({entry.path for entry in gallery.entries()}) == 6


def test_every_operation_says_that_the_server_is_gone_and_loses_nothing(server: QdrantOverHttp) -> None:
    gallery = ServerGallery(server.address, Projection())
    gallery.add([image(n // 2, n) for n in range(6)], "visible", [f"p{n // 2}" for n in range(6)], "gate", 5.0)
    before = contents(gallery)  # type: ignore[arg-type]
    operations = {
        "search": lambda: gallery.search(image(1, 9), "visible", within=Where(cameras=["gate"])),
        "thresholds": lambda: gallery.thresholds("visible"),
        "remove": lambda: gallery.remove(Where(people=["nobody"])),
        "update": lambda: gallery.update(Where(people=["nobody"]), camera="yard"),
        "add": lambda: gallery.add([image(1, 2)], "visible", "p1"),
        "people": lambda: gallery.people,
        "cameras": lambda: gallery.cameras,
        "span": gallery.span,
        "entries": gallery.entries,
        "thumbnail": lambda: gallery.thumbnail(1),
        "len": lambda: len(gallery),
        "open": lambda: ServerGallery(server.address),
    }
    for operation in operations.values():
        for left in range(2):
            server.left = left
            if left == 0:
                with pytest.raises(UnreachableError, match=r"What it acknowledged is kept\. Start it, and try again"):
                    operation()
                continue
            with contextlib.suppress(UnreachableError, SettingsError):  # one request may be enough, or tell that nobody has this name
                operation()
    server.left = None
    assert contents(gallery) == before  # type: ignore[arg-type]


def test_a_server_that_wants_a_key_gets_it_from_a_file(command: Any, server: QdrantOverHttp, tmp_path: Path) -> None:
    server.key = KEY
    assert "refuses: Must provide an API key" in command("info", server.address).err
    (tmp_path / "key").write_text(f"{KEY}\n")
    with pytest.warns(UserWarning, match="insecure connection"):
        gallery = open_gallery(f"{server.address}?key_file={tmp_path / 'key'}", create=True)
    assert len(gallery) == 0
    for query, error in (("?key_file=nowhere", MissingFileError), ("?key=secret", SettingsError), ("?key_file=", MissingFileError)):
        with pytest.raises(error, match=r"Cannot read the key of the server|says key_file=PATH"):
            open_gallery(server.address + query)


def test_another_program_at_the_address_is_a_sentence(command: Any) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    other = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    refused = command("info", f"qdrant://127.0.0.1:{other.server_address[1]}/people")
    other.shutdown()
    other.server_close()
    assert (refused.code, "it answers as no Qdrant server does" in refused.err) == (2, True), refused.err


def test_images_of_many_bytes_go_in_several_requests(server: QdrantOverHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vireid.deploy.gallery.qdrant.MOST_BYTES", 5000)
    gallery = ServerGallery(server.address, Projection(), keep_images=True)
    gallery.add(files(tmp_path / "day", 4), "visible")
    assert server.asked.count("/collections/people/points") > 3
    assert len(gallery) == 8


def test_an_export_takes_the_thresholds_of_a_gallery_on_a_server(command: Any, server: QdrantOverHttp) -> None:
    from vireid.deploy.export import _thresholds

    with Gallery("people.gallery", Projection()) as gallery:
        for person in range(30):
            gallery.add([image(person, shot) for shot in range(4)], "visible", f"p{person}")
        calibration = gallery.calibrate([0.5])
    assert command("copy", "people.gallery", server.address).code == 0
    assert _thresholds(server.address, Projection()) == calibration.to_dict()  # type: ignore[arg-type]
