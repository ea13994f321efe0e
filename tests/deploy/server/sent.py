"""A server over an embedder without a network, and what is sent to it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from PIL import Image

from tests.deploy.gallery.stand_in import Projection, image
from vireid import Gallery
from vireid.deploy import ImageEmbedder
from vireid.deploy.server.application import application
from vireid.deploy.server.search_log import SearchLog

HERE = "http://127.0.0.1:8000"


@contextmanager
def server(folder: Path, embedder: ImageEmbedder | None = None, **settings: Any) -> Iterator[TestClient]:
    """A client of a server whose gallery lies in a folder."""
    used = embedder or Projection()
    with Gallery(folder / "people.gallery", used) as gallery, gallery.owned():
        app = application(gallery, used, SearchLog(folder / "searches.jsonl"), **settings)
        yield TestClient(app, HERE, raise_server_exceptions=False)


def encoded(picture: Image.Image, form: str = "PNG", **settings: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **settings)
    return file.getvalue()


def upload(content: bytes, name: str = "night.png", kind: str = "image/png") -> dict[str, tuple[str, bytes, str]]:
    return {"image": (name, content, kind)}


def shot(person: int, number: int = 0, grey: bool = False) -> dict[str, tuple[str, bytes, str]]:
    """An upload of one image of a person."""
    return upload(encoded(image(person, number, grey)))


def enrol(client: TestClient, people: int = 4, **labels: str) -> list[int]:
    """Add two visible images of each person; the numbers of the images."""
    answers = [
        client.post("/images", files=shot(person, number), data={"modality": "visible", "person": f"p{person}", **labels})
        for person in range(people)
        for number in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201] * 2 * people, answers[-1].text
    return [answer.json()["id"] for answer in answers]
