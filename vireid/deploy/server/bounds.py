"""How much a request may bring, how long it may take to bring it, and how many may be under way."""

from __future__ import annotations

import asyncio
import contextlib
import time

from vireid.deploy.server.asgi import App, Message, Receive, Scope, Send, header, refuse

LARGEST = 32 * 2**20
"""Bytes of a request."""
DISCARDED = 2**30
"""Bytes of a request that is too large which are still taken off the line, so that its sender reads the answer."""
PATIENCE = 60.0
"""Seconds in which a request must have come."""
WITH_BODY = ("POST", "PUT", "PATCH")


class Queue:
    """Lets so many requests with a body be under way at once; those that come then are refused, and their senders try again.

    Args:
        app: what is asked.
        places: number of requests.

    Attributes:
        under_way: number of requests that have a place now.
        refused: number of requests that got none.
    """

    def __init__(self, app: App, places: int) -> None:
        self._app = app
        self.places = places
        self.under_way = 0
        self.refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in WITH_BODY:
            await self._app(scope, receive, send)
            return
        if self.under_way >= self.places:
            self.refused += 1
            await refuse(send, 503, f"{self.places} requests are under way, and more are not taken. Try again soon.", retry_after="1")
            return
        self.under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.under_way -= 1


class Body:
    """Refuses a request that is too large or comes too slowly. What is too large is not kept.

    Args:
        app: what is asked.
        largest: bytes of a request.
        patience: seconds in which it must have come.
    """

    def __init__(self, app: App, largest: int = LARGEST, patience: float = PATIENCE) -> None:
        self._app = app
        self._largest = largest
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = header(scope, "Content-Length")
        if said is not None and said.isdecimal() and int(said[:20]) > self._largest:
            if header(scope, "Expect") is None:  # a sender that waits for leave sends nothing
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(discard(receive), self._patience)
            await refuse(send, 413, self._too_large(), connection="close")
            return
        watched = Watched(receive, send, self._largest, self._patience)
        await self._app(scope, watched.receive, watched.send)
        if watched.problem and not watched.started:
            sentence = self._too_large() if watched.problem == 413 else f"The request did not come within {self._patience:g} seconds."
            await refuse(send, watched.problem, sentence, connection="close")

    def _too_large(self) -> str:
        return f"The request has more than {self._largest:,} bytes, the most that is taken. Send a smaller image."


class Watched:
    """What a request brings, until it is too much or too late. The application then sees the sender leave, and its answer is dropped.

    Args:
        receive, send: those of the request.
        largest: bytes.
        patience: seconds.

    Attributes:
        problem: status of the refusal; 0 as long as nothing is wrong.
        started: whether an answer has begun.
    """

    def __init__(self, receive: Receive, send: Send, largest: int, patience: float) -> None:
        self._receive, self._send = receive, send
        self._largest, self._end = largest, time.monotonic() + patience
        self._taken, self._whole = 0, False
        self.problem = 0
        self.started = False

    async def receive(self) -> Message:
        if self.problem:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._end - time.monotonic()))
        except asyncio.TimeoutError:
            self.problem = 408
            return {"type": "http.disconnect"}
        self._taken += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._taken > self._largest:
            self.problem = 413
            if not self._whole:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(discard(self._receive), max(0.0, self._end - time.monotonic()))
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if not self.problem or self.started:
            self.started = True
            await self._send(message)


async def discard(receive: Receive) -> None:
    """Take what is left of a request off the line, up to a bound."""
    taken = 0
    while taken < DISCARDED:
        message = await receive()
        taken += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
