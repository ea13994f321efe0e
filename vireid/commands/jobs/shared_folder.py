"""A check that a folder is shared: each machine reads what this one wrote, and this one reads what each machine wrote."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from vireid.errors import OutputError, SettingsError
from vireid.version import __version__

PATIENCE = 10.0
"""Seconds that a network's file system may take to show a file that another machine wrote."""


def check_shared(folder: Path, machine: str, ask: Callable[[str, str], str], patience: float = PATIENCE) -> None:
    """Refuse a machine that does not share a folder with this one, or has another vireid.

    Args:
        folder: absolute.
        machine: name for the message.
        ask: runs :func:`~vireid.commands.jobs.remote.look` there, with these arguments.
        patience: seconds to wait for the answer in the folder.

    Raises:
        SettingsError: the message says which test failed.
        OutputError: this machine cannot write into the folder.
    """
    token = f"shared-{secrets.token_hex(8)}"
    asked, answered = (folder / f".{token}.{name}" for name in ("asked", "answered"))
    try:
        try:
            asked.write_text(token, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"Cannot write into {str(folder)!r}: {error.strerror}. Name a folder that can be written.") from error
        said = _answer(machine, ask, folder, token)
        if said.endswith("."):
            raise SettingsError(f"{str(folder)!r} is not shared with {machine}: {said} Name a folder that all machines see under one path.")
        if said != __version__:
            raise SettingsError(f"{machine} has vireid {said}, this machine {__version__}: install one version on all.")
        end = time.monotonic() + patience
        while not (answered.is_file() and answered.read_text(encoding="utf-8") == token):
            if time.monotonic() >= end:
                raise SettingsError(
                    f"{str(folder)!r} is not shared with {machine}: what it wrote there does not show here. "
                    "Name a folder that all machines see under one path."
                )
            time.sleep(0.1)
    finally:
        for path in (asked, answered):
            path.unlink(missing_ok=True)


def _answer(machine: str, ask: Callable[[str, str], str], folder: Path, token: str) -> str:
    try:
        return ask(str(folder), token)
    except ImportError as error:
        raise SettingsError(f"{machine} cannot import vireid ({error}): install the package there, version {__version__}.") from error
