"""A server that listens until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from vireid.deploy.server.asgi import App
from vireid.errors import SettingsError

BACKLOG = 512
"""Connections that wait to be accepted."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections already.

    Raises:
        SettingsError: the address is not one of this machine, or the port is taken or may not be used.
    """
    if not 0 <= port < 2**16:
        raise SettingsError(f"`--port` must be 0 to 65535, got {port}; 0 takes any that is free.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"Cannot listen at {host!r}, port {port}: {reason}. Name others with `--host` and `--port`.") from error


def serve(app: App, taken: socket.socket, ready: Callable[[str], None]) -> None:
    """Answer requests until the process is interrupted or terminated. Requests that are under way are finished.

    Args:
        app: the application.
        taken: from :func:`listening`.
        ready: called with the address of the page.
    """
    host, port = taken.getsockname()[:2]
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, lifespan="off", ws="none")
    ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    uvicorn.Server(config).run(sockets=[taken])
