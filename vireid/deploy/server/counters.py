"""What a server counts, in the text form that Prometheus reads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vireid.deploy.server.asgi import App, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EDGES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper edges of the histogram, in seconds."""
METHODS = ("GET", "HEAD", "POST", "DELETE")
OTHER = "other"
"""What methods and paths are called that the server does not have, so that nobody fills its memory with names."""


@dataclass(frozen=True)
class Gauge:
    """A number of this moment."""

    name: str
    about: str
    value: float


class Counted:
    """Counts requests and how long they took.

    Args:
        app: what is asked.
        paths: those of the application.
    """

    def __init__(self, app: App, paths: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: dict[str, Counter[float]] = {}
        self._seconds: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._count(scope, status, time.perf_counter() - start)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"] if scope["path"] in self._paths else OTHER
        method = scope["method"] if scope["method"] in METHODS else OTHER
        self._requests[method, path, status] += 1
        self._buckets.setdefault(path, Counter())[next((edge for edge in EDGES if seconds <= edge), float("inf"))] += 1
        self._seconds[path] = self._seconds.get(path, 0.0) + seconds

    def text(self, gauges: Collection[Gauge]) -> str:
        """All counts, and numbers of this moment."""
        lines = _head("vireid_requests_total", "Requests by method, path and status.", "counter")
        for (method, path, status), count in sorted(self._requests.items()):
            lines.append(_line("vireid_requests_total", {"method": method, "path": path, "status": status}, count))
        lines += _head("vireid_request_seconds", "Seconds from the request to the end of its answer.", "histogram")
        for path, buckets in sorted(self._buckets.items()):
            below = 0
            for edge in (*EDGES, float("inf")):
                below += buckets[edge]
                name = "+Inf" if edge == float("inf") else f"{edge:g}"
                lines.append(_line("vireid_request_seconds_bucket", {"path": path, "le": name}, below))
            lines.append(_line("vireid_request_seconds_sum", {"path": path}, self._seconds[path]))
            lines.append(_line("vireid_request_seconds_count", {"path": path}, below))
        for gauge in gauges:
            lines += [*_head(gauge.name, gauge.about, "gauge"), _line(gauge.name, {}, gauge.value)]
        return "\n".join(lines) + "\n"


def _head(name: str, about: str, kind: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _line(name: str, labels: Mapping[str, object], value: float) -> str:
    inside = ",".join(f'{label}="{content}"' for label, content in labels.items())
    return f"{name}{{{inside}}} {value:.17g}" if inside else f"{name} {value:.17g}"
