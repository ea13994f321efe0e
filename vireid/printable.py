"""Names of the outside world as a terminal may show them: paths, ids and entries of files can hold anything."""

from __future__ import annotations

import os
import re

ACTS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Characters that a terminal obeys, that change the direction of text, or that are halves of others."""
IN_TEXT, IN_NAMES = re.compile(f"[{ACTS}]"), re.compile(f"[\t\n{ACTS}]")


def printable(name: object) -> str:
    """A name in one line, every character of which is shown and none is obeyed.

    Example:
        >>> printable("runs/[lr=0.1]"), printable("a\\x1b[2Jb\\n")
        ('runs/[lr=0.1]', 'a\\\\x1b[2Jb\\\\n')
    """
    return IN_NAMES.sub(_escaped, os.fspath(name) if isinstance(name, os.PathLike) else str(name))


def counted(count: int, thing: str, things: str = "") -> str:
    """A number of things in words.

    Example:
        >>> counted(1, "image"), counted(0, "image"), counted(2, "person", "people")
        ('1 image', '0 images', '2 people')
    """
    return f"{count} {thing if count == 1 else things or thing + 's'}"


def visible(text: str) -> str:
    """As :func:`printable` for a text of several lines."""
    return IN_TEXT.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
