"""Locks between processes. The system lets go of them when their process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from vireid.errors import BusyError, OutputError

PAUSE = 0.05  # seconds between two attempts


@contextlib.contextmanager
def only_one(path: Path, what: str, wait: float = 0) -> Iterator[None]:
    """Hold the lock file ``path`` inside the block. It is made if it does not exist, and stays.

    The lock is advisory: it keeps away those who ask for it too. A system without ``fcntl`` has none.

    Args:
        path: lock file.
        what: what is changed inside the block, as messages call it.
        wait: seconds to wait for another process.

    Raises:
        BusyError: another process holds the lock; the message tells which.
        OutputError: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise OutputError(f"Cannot write {os.fspath(path)!r} ({error.strerror or error}), so {what} cannot be changed.") from error
    try:
        end = time.monotonic() + wait
        while not _taken(descriptor):
            if time.monotonic() >= end:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
                who = f"Process {holder}" if holder.isdigit() else "Another process"
                raise BusyError(f"{who} is changing {what}. Wait until it has ended, or end it; nothing was changed.")
            time.sleep(PAUSE)
        with contextlib.suppress(OSError):  # a full disk: the name is for messages only
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
