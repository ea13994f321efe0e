"""Mounts that only one process and its children see."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_MOUNTS = 0x20000  # CLONE_NEWNS
PRIVATE, READ_ONLY, REMOUNT, BIND = 1 << 18 | 1 << 14, 1, 32, 4096
LIBC = ctypes.CDLL(None, use_errno=True)


def own_mounts() -> None:
    """From now on mounts of this process are seen by it and its children alone.

    Raises:
        PermissionError: the process may not, as it is not root's.
    """
    _checked(LIBC.unshare(NEW_MOUNTS), "unshare")
    _mount("none", Path("/"), "", PRIVATE)


def small_disk(folder: Path, room: int) -> None:
    """Let a folder be a file system of ``room`` bytes."""
    _mount("none", folder, "tmpfs", 0, f"size={room}")


def larger_disk(folder: Path, room: int) -> None:
    """Let the file system of :func:`small_disk` have ``room`` bytes."""
    _mount("none", folder, "", REMOUNT, f"size={room}")


def read_only(folder: Path) -> None:
    """Let nothing below a folder be written."""
    _mount(os.fspath(folder), folder, "", BIND)
    _mount("none", folder, "", BIND | REMOUNT | READ_ONLY)


def writable_again(folder: Path) -> None:
    """Undo :func:`read_only`."""
    _checked(LIBC.umount2(os.fsencode(folder), 2), "umount")


def _mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    words = (source.encode(), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), options.encode() or None)
    _checked(LIBC.mount(*words), f"mount {target}")


def _checked(code: int, what: str) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
