"""Names of galleries on a server, connections to it, and what is said when it does not answer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from vireid.errors import MissingFileError, SettingsError, UnreachableError

SCHEMES = ("qdrant", "qdrants")
PATIENCE = 60
"""Seconds that an answer may take: the search of millions of images is exact."""


def is_on_server(gallery: str) -> bool:
    """Whether the name of a gallery is an address of a server, and no file.

    Example:
        >>> is_on_server("qdrant://localhost:6333/people"), is_on_server("people.gallery")
        (True, False)
    """
    return gallery.partition("://")[0] in SCHEMES and "://" in gallery


def collection_of(address: str) -> str:
    """Name of the gallery on its server.

    Raises:
        SettingsError: the address names none.

    Example:
        >>> collection_of("qdrant://localhost:6333/people")
        'people'
    """
    with contextlib.suppress(ValueError):  # a port, or an address in brackets, that is none
        found = urlsplit(address)
        name = found.path.strip("/")
        if found.scheme in SCHEMES and found.hostname and name and "/" not in name and found.port != 0 and not found.username:
            return name
    raise SettingsError(
        "A gallery on a Qdrant server is named as qdrant://host:6333/people (qdrants:// for TLS, ?key_file=PATH at the end for a key), got "
        f"{address!r}."
    )


def client_of(address: str) -> tuple[Any, str]:
    """A client of the server, and the collection, that an address names.

    Raises:
        SettingsError: it names none, or the extra ``qdrant`` is not installed.
        MissingFileError: there is no file with the key.
    """
    name, found = collection_of(address), urlsplit(address)
    given = dict(parse_qsl(found.query, keep_blank_values=True))
    if set(given) - {"key_file"}:
        raise SettingsError(f"After `?` an address of a server says key_file=PATH, got {found.query!r}.")
    key = _key(Path(given["key_file"])) if given else None
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise SettingsError("qdrant-client must be installed for a gallery on a server: pip install 'vireid[qdrant]'.") from error
    secure = found.scheme == "qdrants"
    host = f"[{found.hostname}]" if ":" in str(found.hostname) else found.hostname  # IPv6 stands in brackets in an address
    client = QdrantClient(host=host, port=found.port or 6333, https=secure, api_key=key, timeout=PATIENCE, check_compatibility=False)
    return client, name


def _key(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingFileError(
            f"Cannot read the key of the server in {str(path)!r}: {getattr(error, 'strerror', None) or error}."
        ) from error


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Say in a sentence that the server does not answer, or refuses.

    Raises:
        UnreachableError: it does not.
    """
    from qdrant_client.http.exceptions import ApiException

    try:
        yield
    except (ApiException, ConnectionError, TimeoutError, json.JSONDecodeError) as error:
        raise UnreachableError(
            f"The Qdrant server does not answer, or refuses: {_reason(error)}. What it acknowledged is kept. Start it, and try again."
        ) from error


def _reason(error: Exception) -> str:
    """What the server said, or what befell the connection, in one line."""
    if isinstance(getattr(error, "source", error), ValueError):  # what came is no JSON, or not that of an answer
        return "it answers as no Qdrant server does"
    said = getattr(error, "content", None)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(said)["status"]["error"]).strip().rstrip(".")  # type: ignore[arg-type]  # no bytes: a TypeError
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
