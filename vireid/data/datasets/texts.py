"""Lists and tables that people wrote with any program: encodings, line ends, paths and numbers in them."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from vireid.errors import DatasetError
from vireid.files import read_bytes

LARGEST = 100_000_000  # bytes; a list of a million images has fewer
DIGITS = 18  # of a number that fits 64 bits
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16
PLAIN = re.compile(r"(?:[^\\/.:][^\\/:]*/)*[^\\/.:][^\\/:]*")  # a relative path without anything to understand
ADVICE = "Save it as UTF-8 (in Excel: `CSV UTF-8`)."


def read_text(file: Path) -> str:
    """Text of a list with ``\\n`` as line end: UTF-8, or UTF-16 with a byte order mark. The mark itself is left out.

    Raises:
        FileNotFoundError: the file does not exist.
        DatasetError: it is not a regular file, cannot be read, is larger than 100 MB, or has another encoding.
    """
    try:
        content = read_bytes(file, LARGEST)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DatasetError(f"Cannot read {str(file)!r}: {error.strerror or error}.") from error
    try:
        text = content.decode("utf-16" if content.startswith(BYTE_ORDER_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DatasetError(f"Line {line} of {str(file)!r} is not in UTF-8. {ADVICE}") from error
    if "\0" in text:
        raise DatasetError(f"{str(file)!r} holds zero bytes, so it is not a text in UTF-8. {ADVICE}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def whole_number(text: str) -> int | None:
    """Number that the text writes in the digits 0 to 9; ``None`` if it is no such number, or larger than 64 bits hold.

    Example:
        >>> whole_number("007"), whole_number("²"), whole_number("9" * 5000)
        (7, None, None)
    """
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > DIGITS:
        return None
    return int(text.lstrip("0") or "0")


def inside(path: str, folder: str) -> str | None:
    """A path of a list, relative to ``folder`` and with forward slashes; ``None`` if it leads out of the folder.

    Absolute paths may lie in the folder. Backslashes, ``.`` and ``..`` are understood. Links are not followed.

    Args:
        path: as the list has it, relative to ``folder`` or absolute.
        folder: absolute.

    Example:
        >>> [inside(path, "/data") for path in ("a\\\\b.png", "/data/./a/b.png", "../b.png", "C:/data/b.png")]
        ['a/b.png', 'a/b.png', None, None]
    """
    if PLAIN.fullmatch(path):
        return path
    path = path.replace("\\", "/")
    if os.name != "nt" and re.match("[A-Za-z]:/", path):
        return None
    found = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 (a list has many lines, and pathlib is slow)
    for start in (folder, _real(folder)):
        if found.startswith(start.rstrip(os.sep) + os.sep) and found != start:
            return found[len(start.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
    return None


@lru_cache
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def shown(text: str) -> str:
    """Text as a message shows it: in quotes, and not longer than 100 characters.

    Example:
        >>> len(shown("9" * 5000))
        103
    """
    return repr(text if len(text) <= 100 else f"{text[:100]}…")
