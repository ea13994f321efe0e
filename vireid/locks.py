"""The lock of a folder that one process writes into. The system frees it when the process ends, however it does."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

from vireid.errors import OutputError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".vireid.lock"
PATIENCE = 5.0
"""Seconds that a process which is ending has to free a folder."""
_HELD: set[int] = set()  # files of the locks of this process


class FolderLock:
    """Lock of a folder, a file that names the process and its host for the message to others.

    Where the file system has no locks, the file itself is the lock, until the process that it names is no more.

    Args:
        folder: the folder.
        beside: whether the file lies beside the folder, for one that is moved into place as a whole; otherwise inside.
        patience: seconds to wait for a process that holds the lock; default 5.
        stays: whether the file is left, for a lock that is taken often: to make and to remove a file takes longer than the lock itself.
    """

    def __init__(self, folder: Path, beside: bool = False, patience: float | None = None, stays: bool = False) -> None:
        self.folder = folder
        self.path = folder.absolute().with_name(f".{folder.absolute().name}.lock") if beside else folder / LOCK_FILE
        self.patience = PATIENCE if patience is None else patience
        self.stays = stays
        self._is_real = True  # whether the system frees it
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock, before anything else is written into the folder.

        Raises:
            OutputError: another process has it, or the folder cannot be written.
        """
        end = time.monotonic() + self.patience
        try:
            while self._file is None and not self._try():
                if time.monotonic() >= end:
                    raise OutputError(self._in_use())
                time.sleep(0.1)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"Cannot write into {os.fspath(self.folder)!r}: {error.strerror or error}. Name a folder that can be written."
            ) from error

    def release(self) -> None:
        """Free the folder, and leave no file but one that stays. In a fork of the process that took the lock nothing happens."""
        if self._file is None or self._file not in _HELD:
            return
        if not (self.stays and self._is_real) and _is_file(self.path, self._file):
            with contextlib.suppress(OSError):
                self.path.unlink()
        _HELD.discard(self._file)
        os.close(self._file)
        self._file = None

    def __enter__(self) -> FolderLock:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _try(self) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError, FileExistsError):  # somebody removed or made it in between
            made = not os.path.lexists(self.path)
            file = os.open(self.path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT | os.O_EXCL if made else 0), 0o644)
            if self._locked(file, made) and _is_file(self.path, file):
                _sign(file)
                _HELD.add(file)
                self._file = file
                return True
            os.close(file)
        return False

    def _locked(self, file: int, made: bool) -> bool:
        try:
            if fcntl is None:
                raise OSError
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # there are no locks here
            self._is_real = False
            if not made and self._is_left():
                self.path.unlink()
            return made
        return True

    def _holder(self) -> tuple[str, str]:
        """Process and host that the file names, empty if it does not."""
        with contextlib.suppress(OSError):
            pid, _, host = self.path.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
            return pid[:20], host[:255]
        return "", ""

    def _is_left(self) -> bool:
        """Whether the process that the file names was one of this host, and is no more."""
        pid, host = self._holder()
        if host != socket.gethostname() or not pid.isdecimal():
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass
        return False

    def _in_use(self) -> str:
        pid, host = self._holder()
        who = f"process {pid} on {host}" if pid.isdecimal() and host.isprintable() else "another process"
        said = f"{os.fspath(self.folder)!r} is in use: {who} writes into it. Wait until it has ended, or name another folder."
        return said if self._is_real else f"{said} If there is no such process, delete {os.fspath(self.path)!r}."


def open_alone(path: Path) -> int:
    """Open a file that one process writes at a time, and empty it. What a process that is no more left in it is lost.

    Returns:
        A descriptor; the lock is free when it is closed.

    Raises:
        OSError: another process writes it, or it cannot be opened.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            if fcntl is not None:
                _lock_or_refuse(file)
            if _is_file(path, file):  # it was not moved into place in between
                os.ftruncate(file, 0)
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock_or_refuse(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(error.errno, "another process writes it") from error
    except OSError:  # there are no locks here
        pass


def _sign(file: int) -> None:
    """Name this process in the file of a lock, which is left alone if it does so already."""
    name = f"{os.getpid()} {socket.gethostname()}\n".encode()
    if os.read(file, len(name) + 1) != name:
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, name)


def _is_file(path: Path, file: int) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except OSError:
        return False


def _forget() -> None:
    """Close the files of all locks in a fork, such as a process that reads images: it may live longer than the one that writes."""
    while _HELD:
        with contextlib.suppress(OSError):
            os.close(_HELD.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
