"""Files that are either written as a whole or left as they were, and files that are read only up to a size."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from vireid.errors import OutputError
from vireid.locks import FolderLock, open_alone


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file beside ``path``. When the block ends, the file is flushed to disk and moved into place.

    Missing folders are created. One process writes at a time.

    Raises:
        OutputError: the file cannot be written; the message gives the reason. What was at ``path`` is intact.
        KeyboardInterrupt: the block was stopped, also where torch's writer made another error of that.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with atomic_file(Path(folder) / "a" / "b.txt") as file:
        ...         _ = file.write(b"whole")
        ...     [path.name for path in (Path(folder) / "a").iterdir()]
        ['b.txt']
    """
    handled = sys.exc_info()[1]
    temporary = path.with_name(f".{path.name}.part")  # one name: what a killed run left is overwritten by the next
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(open_alone(temporary), "wb") as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(path)  # before another process may write it
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        if (stop := _stop_behind(error, handled)) is not None:
            raise stop from error
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"Cannot write {os.fspath(path)!r} ({reason}); what was there before is intact.") from error


def _stop_behind(error: BaseException | None, handled: BaseException | None) -> KeyboardInterrupt | None:
    """The stop on which an error followed; none that was being handled before the file was opened."""
    while error is not None and error is not handled:
        if isinstance(error, KeyboardInterrupt):
            return error
        error = error.__context__
    return None


def clear_parts(folder: Path) -> None:
    """Remove what killed processes left of files in a folder. Nobody else may write into it."""
    for path in filter(is_part, folder.glob(".*")):
        with contextlib.suppress(OSError):
            path.unlink()


def is_part(path: Path) -> bool:
    """Whether it is a file that is being written, or that a killed process left half written."""
    return path.name.startswith(".") and path.name.endswith(".part") and path.is_file()


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside ``target`` that becomes ``target`` when the block ends well, and is removed when it does not.

    What a killed process left of it is removed first. One process writes at a time.

    Raises:
        OutputError: a file cannot be written, another process writes, or ``target`` holds files when the block ends.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with atomic_folder(Path(folder) / "tree") as tree:
        ...         _ = (tree / "a.txt").write_text("whole")
        ...     [path.name for path in Path(folder).rglob("*")]
        ['tree', 'a.txt']
    """
    place = target.absolute()
    tree = place.with_name(f".{place.name}.partial")
    with FolderLock(target, beside=True):
        shutil.rmtree(tree, ignore_errors=True)
        try:
            tree.mkdir(parents=True)
            yield tree
            tree.replace(target)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"Cannot write {os.fspath(target)!r} ({error.strerror or error}); nothing was left there.") from error
        finally:
            shutil.rmtree(tree, ignore_errors=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write ``text`` beside ``path``, flush it to disk, then move it into place.

    Raises:
        OutputError: the file cannot be written; the message gives the reason. What was at ``path`` is intact.
    """
    with atomic_file(path) as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))  # a name of a file may hold halves of letters


def write_picture(path: Path, save: Callable[[IO[bytes]], object]) -> None:
    """Write a picture beside ``path``, flush it to disk, then move it into place.

    It goes through memory: pillow takes a write that a full disk cut short for a whole one.

    Args:
        path: the file.
        save: writes the picture into the file that it is given.

    Raises:
        OutputError: the file cannot be written; the message gives the reason. What was at ``path`` is intact.
    """
    memory = io.BytesIO()
    save(memory)
    with atomic_file(path) as file:
        file.write(memory.getvalue())


def file_digest(path: Path) -> str:
    """SHA-256 of the content of a file, in hexadecimal."""
    found = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def open_regular(path: str | os.PathLike[str], buffer: int = -1) -> IO[bytes]:
    """Open a regular file without waiting. A pipe or a device is refused: its other end may never come, or never stop.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return open(descriptor, "rb", buffer)  # noqa: PTH123 (a descriptor has no path; the caller closes it)
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: str | os.PathLike[str], largest: int) -> bytes:
    """Content of a regular file.

    Args:
        path: the file.
        largest: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(largest + 1) if size <= largest else b""
    if max(size, len(content)) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest:,} bytes")
    return content


def read_text(path: str | os.PathLike[str], largest: int = 16_000_000) -> str:
    """Text in UTF-8 of a regular file.

    Raises:
        OSError: see :func:`read_bytes`.
        UnicodeDecodeError: it is no such text.
    """
    return read_bytes(path, largest).decode("utf-8")


def keep_as(path: Path, original: Path) -> None:
    """Let ``path`` be the file that is at ``original`` now, whatever replaces that later.

    It is a second name of the file, which costs no space until then; a copy where the file system has no second names.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.unlink(missing_ok=True)
        try:
            temporary.hardlink_to(original)
        except OSError:
            shutil.copyfile(original, temporary)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"Cannot write {os.fspath(path)!r} ({error.strerror or error}); {original.name} is intact.") from error
