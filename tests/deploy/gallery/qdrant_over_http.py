"""What a Qdrant server answers over HTTP, from the in-process mode of its client. It can stop in the middle, and keeps what it has."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "the key of the server"


class QdrantOverHttp:
    """Collections, and a server for them on a port of this machine.

    Attributes:
        left: requests that are answered before the server is gone; ``None`` for any number.
        answers_last: whether the request after those is obeyed, though nobody hears of it.
        key: that a request must carry; ``None`` for none.
        asked: paths of all requests.
    """

    def __init__(self) -> None:
        from qdrant_client import QdrantClient

        self.client = QdrantClient(":memory:")
        self.left: int | None = None
        self.answers_last = False
        self.key: str | None = None
        self.asked: list[str] = []
        self._one = threading.Lock()
        self.port = 0

    @property
    def address(self) -> str:
        """Of a gallery there."""
        return f"qdrant://127.0.0.1:{self.port}/people"

    @contextmanager
    def listening(self) -> Iterator[QdrantOverHttp]:
        def handler(*given: Any) -> Handler:
            return Handler(self, *given)

        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        """Obey one request."""
        from qdrant_client import models

        (_, name, *rest), client = path.strip("/").split("/"), self.client
        what = "/".join(rest)
        if what == "exists":
            return {"exists": client.collection_exists(name)}
        if what == "":
            return client.create_collection(name, vectors_config=models.VectorParams(**body["vectors"]))
        if what == "index":
            return {"operation_id": 0, "status": "completed"}
        if what == "points" and "points" in body:
            return client.upsert(name, [models.PointStruct(**point) for point in body["points"]])
        if what == "points":
            return client.retrieve(name, body["ids"], with_payload=body["with_payload"])
        chosen = models.Filter(**body["filter"]) if body.get("filter") else None
        if what == "points/count":
            return {"count": client.count(name, chosen, exact=True).count}
        if what == "points/scroll":
            order = models.OrderBy(**body["order_by"]) if body.get("order_by") else None
            parts = {key: body.get(key) for key in ("limit", "offset", "with_payload")}
            points, offset = client.scroll(name, chosen, order_by=order, with_vectors=body["with_vector"], **parts)
            return {"points": points, "next_page_offset": offset}
        if what == "points/query":
            nearest = body["query"]["nearest"]
            assert body["params"]["exact"]
            return client.query_points(name, nearest, query_filter=chosen, limit=body["limit"], with_payload=body["with_payload"])
        if what == "facet":
            return client.facet(name, body["key"], facet_filter=chosen, limit=body["limit"], exact=True)
        if what == "points/delete":
            return client.delete(name, models.FilterSelector(filter=chosen))
        if what == "points/payload":
            return client.set_payload(name, body["payload"], points=chosen)
        assert what == "points/payload/delete", path
        return client.delete_payload(name, body["keys"], points=chosen)

    def request(self, path: str, body: dict[str, Any], key: str | None) -> tuple[int, Any] | None:
        """Status and answer; ``None`` if the server is gone."""
        with self._one:
            self.asked.append(path)
            if self.left is not None and self.left <= 0:
                if self.left == 0 and self.answers_last:
                    self.answer(path, body)
                self.left -= 1
                return None
            if self.left is not None:
                self.left -= 1
            if self.key is not None and key != self.key:
                return 401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}}
            return 200, {"result": plain(self.answer(path, body)), "status": "ok", "time": 0.0}


def plain(found: Any) -> Any:
    """Values of JSON."""
    if hasattr(found, "model_dump"):
        return found.model_dump(mode="json")
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items()}
    return [plain(value) for value in found] if isinstance(found, list) else found


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def __init__(self, server: QdrantOverHttp, *given: Any) -> None:
        self._qdrant = server
        super().__init__(*given)

    def _obey(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = self._qdrant.request(self.path.partition("?")[0], json.loads(content or b"{}"), self.headers.get("api-key"))
        if found is None:
            self.close_connection = True
            return
        answer = json.dumps(found[1]).encode()
        self.send_response(found[0])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = _obey

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""
