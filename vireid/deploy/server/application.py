"""The application: endpoints, page, counters, and the layers that a request passes before them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response

from vireid.deploy.gallery.any_gallery import AnyGallery
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.server.api import Api
from vireid.deploy.server.asgi import App, Message, Receive, Scope, Send
from vireid.deploy.server.bounds import Body, Queue
from vireid.deploy.server.counters import CONTENT_TYPE, Counted, Gauge
from vireid.deploy.server.origins import OwnSite
from vireid.deploy.server.problems import answer_errors
from vireid.deploy.server.search_log import SearchLog
from vireid.deploy.server.tokens import Token
from vireid.errors import UnreachableError
from vireid.version import __version__

PLACES = 256
"""Requests with a body that may be under way."""
PAGE = {"/": ("page.html", "text/html"), "/page.css": ("page.css", "text/css"), "/page.js": ("page.js", "text/javascript")}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def application(
    gallery: AnyGallery,
    embedder: ImageEmbedder,
    log: SearchLog,
    host: str = "127.0.0.1",
    token: str | None = None,
    names: Collection[str] = (),
    places: int = PLACES,
) -> App:
    """The application of a server.

    Args:
        gallery: opened with the embedder, and owned by this process if it is a file.
        embedder: of its model.
        log: where searches are noted.
        host: address that is served.
        token: what a request must carry; ``None`` for nothing.
        names: further names of this server.
        places: requests with a body that may be under way.
    """
    app = FastAPI(title="vireid", version=__version__, description="People in day and night images.", docs_url=None, redoc_url=None)
    answer_errors(app)
    Api(gallery, embedder, log).register(app)
    for path, (name, kind) in PAGE.items():
        app.add_api_route(path, _File(name, kind).read, methods=["GET"], include_in_schema=False)
    queue = Queue(Body(app), places)
    paths = {"/metrics", *(route.path for route in app.routes if hasattr(route, "path"))}
    counted = Counted(WithHeaders(OwnSite(Token(queue, token), host, names)), paths)

    def metrics() -> Response:
        gauges = [
            *_gauges(gallery),
            Gauge("vireid_requests_under_way", "Requests with a body that have a place.", queue.under_way),
            Gauge("vireid_request_places", "Requests with a body that may be under way.", queue.places),
        ]
        return Response(counted.text(gauges), media_type=CONTENT_TYPE)

    app.add_api_route("/metrics", metrics, methods=["GET"], summary="Counts for Prometheus", response_class=PlainTextResponse)
    return counted


def _gauges(gallery: AnyGallery) -> list[Gauge]:
    """What the gallery holds, unless it is on a server that does not answer."""
    try:
        held = [
            Gauge("vireid_gallery_images", "Images in the gallery.", len(gallery)),
            Gauge("vireid_gallery_people", "Known people in the gallery.", len(gallery.people)),
        ]
    except UnreachableError:
        held = []
    return [Gauge("vireid_gallery_answers", "Whether the gallery answers.", int(bool(held))), *held]


class WithHeaders:
    """Adds headers to each answer that keep browsers from other hosts, foreign frames and guesses.

    Args:
        app: what is asked.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, with_headers)


class _File:
    """A file of the page.

    Args:
        name: in the folder ``page``.
        kind: media type.
    """

    def __init__(self, name: str, kind: str) -> None:
        self._content = (Path(__file__).parent / "page" / name).read_bytes()
        self._kind = kind

    def read(self) -> Response:
        return Response(self._content, media_type=self._kind)
