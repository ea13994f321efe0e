"""What layers around the application pass on, and how they refuse."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def header(scope: Scope, name: str) -> str | None:
    """Value of a header of a request.

    Example:
        >>> header({"headers": [(b"host", b"localhost:8000")]}, "Host")
        'localhost:8000'
    """
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for found, value in scope["headers"] if found == wanted), None)


async def refuse(send: Send, status: int, sentence: str, **headers: str) -> None:
    """Answer with a sentence.

    Args:
        send: sends the answer.
        status: of HTTP.
        sentence: what was wrong, and how to mend it.
        headers: of the answer; underscores stand for hyphens.
    """
    body = json.dumps({"detail": sentence}).encode()
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    named = [(name.replace("_", "-").lower().encode(), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
