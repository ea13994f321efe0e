"""The token that whoever uses a server must know."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from vireid.deploy.server.asgi import App, Receive, Scope, Send, header, refuse
from vireid.errors import OutputError, SettingsError
from vireid.files import read_text

LEAST = 16
"""Characters of a token."""
OPEN = frozenset({"/", "/page.css", "/page.js", "/health", "/openapi.json"})
"""What everybody may read: it says nothing of the gallery."""


class Token:
    """Lets requests pass that carry ``Authorization: Bearer TOKEN``. The comparison takes as long for a wrong token as for the right one.

    Args:
        app: what is asked then.
        token: the token; ``None`` lets all pass.
    """

    def __init__(self, app: App, token: str | None) -> None:
        self._app = app
        self._wanted = None if token is None else _digest(f"Bearer {token}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._wanted is None or scope["path"] in OPEN or self._is_right(header(scope, "Authorization")):
            await self._app(scope, receive, send)
            return
        sentence = "This server wants its token: send the header `Authorization: Bearer TOKEN`."
        await refuse(send, 401, sentence, www_authenticate="Bearer")

    def _is_right(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(_digest(given), self._wanted or b"")


def read_token(path: str | os.PathLike[str]) -> tuple[str, bool]:
    """The token in a file, which is made with a new token, for its owner's eyes only, if it does not exist.

    Returns:
        The token, and whether it is new.

    Raises:
        SettingsError: the file holds no token.
        OutputError: it can be neither read nor made.
    """
    name = os.fspath(path)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            token = secrets.token_urlsafe(32)
            file.write(f"{token}\n")
            return token, True
    except FileExistsError:
        pass
    except OSError as error:
        raise OutputError(f"Cannot make the file {name!r} of the token: {error.strerror or error}.") from error
    try:
        token = read_text(Path(path), 10_000).strip()
    except (OSError, ValueError) as error:
        raise OutputError(f"Cannot read the token in {name!r}: {getattr(error, 'strerror', None) or error}.") from error
    if not re.fullmatch(f"[!-~]{{{LEAST},1000}}", token):
        raise SettingsError(
            f"{name!r} must hold a token of at least {LEAST} letters, digits and signs without spaces. Delete it, and a new one is made."
        )
    return token, False


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
