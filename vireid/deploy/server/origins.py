"""Requests of other sites: a page that somebody has open elsewhere must not reach the gallery through his browser."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

from vireid.deploy.server.asgi import App, Receive, Scope, Send, header, refuse

LOCAL = ("localhost", "127.0.0.1", "::1")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


class OwnSite:
    """Refuses requests under a foreign name (DNS rebinding), and requests that the page of another site sends.

    The name is that of the Host header: ``localhost`` or the address, the machine's own name and any number where all addresses are
    served, and the names that are given. A number cannot be rebound.

    Args:
        app: what is asked if nothing is foreign.
        host: address that is served.
        names: further names of this server, such as that of a proxy in front of it.
    """

    def __init__(self, app: App, host: str, names: Collection[str] = ()) -> None:
        self._app = app
        self._all = is_any(host)
        own = [socket.gethostname()] if self._all else []
        self._names = {name.lower().strip("[]") for name in (*LOCAL, host, *own, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sentence = self._foreign(scope) if scope["type"] == "http" else ""
        if sentence:
            await refuse(send, 403, sentence)
        else:
            await self._app(scope, receive, send)

    def _foreign(self, scope: Scope) -> str:
        """What is foreign; empty if nothing is."""
        host = header(scope, "Host") or ""
        if not self._is_own(host):
            return f"{host[:100]!a} is no name of this server. Start it with `--names NAME` if it is to be reached by that name."
        origin = header(scope, "Origin")
        if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return "The request comes from the page of another site, which may not use this server."
        site = header(scope, "Sec-Fetch-Site")
        follows = scope["method"] in ("GET", "HEAD") and header(scope, "Sec-Fetch-Mode") == "navigate"
        if site in ("cross-site", "same-site") and not follows:
            return "The request comes from the page of another site, which may not use this server."
        return ""

    def _is_own(self, host: str) -> bool:
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower().strip("[]")
        return name in self._names or (self._all and _is_address(name))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("example.org")
        (True, True, False, False)
    """
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_any(host: str) -> bool:
    """Whether an address stands for all addresses of the machine."""
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
