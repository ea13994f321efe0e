"""Pickles of others, looked at step by step before anything reads them: none may ask for more memory than it has bytes."""

from __future__ import annotations

import codecs
import os
import pickletools
import re
import struct
import zipfile
from typing import IO, cast

ENCODE = "_codecs encode"
MAKERS = re.compile(r"(__builtin__|builtins) bytearray|torch(\.\S+)? \w*Tensor|torch\.storage \w+")
"""What torch lets a pickle call, although it takes as much memory as a number in the pickle says."""
ARCHIVE, NAMES_AT = b"PK\x03\x04", 26  # how an entry begins, and where it says how long its names are
OLD_PICKLES = 5  # of a file of torch before 1.6: magic number, version, system, content, names of storages
MOST_STEPS = 1_000_000  # a checkpoint has fewer than a tenth of them
LONGEST_NAME = 64  # letters of the name of an encoding


def check_pickles(path: str | os.PathLike[str]) -> None:
    """Check the pickle of an archive of torch, or the pickles at the beginning of a file of torch before 1.6.

    Raises:
        ValueError: a pickle is damaged, or names sizes that it does not have.
        OSError, zipfile.BadZipFile, struct.error: the file cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 (any path)
        if file.read(len(ARCHIVE)) == ARCHIVE:  # so torch decides, too
            for entry in zipfile.ZipFile(file).infolist():
                if entry.filename.endswith("data.pkl"):
                    file.seek(entry.header_offset + NAMES_AT)
                    file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)  # behind its name and extra field
                    check_pickle(file, entry.file_size)  # it is stored, see vireid.torch_files.wrong_checksum
        else:
            file.seek(0)
            size = os.fstat(file.fileno()).st_size
            for _ in range(OLD_PICKLES):
                check_pickle(file, size)


def check_pickle(file: IO[bytes], size: int) -> None:
    """Check the next pickle of a file; that every text and array is there as a whole, too.

    Args:
        file: at the beginning of the pickle.
        size: bytes of the file.

    Raises:
        ValueError: it has too many steps; a step numbers a value higher than there are bytes, because a reader keeps room for as many; or
            values are encoded into bytes again and again, each time twice as many; or it makes something of a size that it only names.
    """
    encodes, names = False, set[str]()
    for count, (step, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], _Bounded(file, size)))):
        if count > MOST_STEPS:
            raise ValueError(f"it has more than {MOST_STEPS:,} steps")
        if step.name == "GLOBAL" and isinstance(argument, str) and MAKERS.fullmatch(argument):
            raise ValueError(f"GLOBAL {argument.replace(' ', '.')} was not expected")
        if isinstance(argument, int) and "PUT" in step.name and argument > size:
            raise ValueError(f"a value is numbered {argument}")
        encodes = encodes or argument == ENCODE
        if isinstance(argument, str) and len(argument) <= LONGEST_NAME:
            names.add(argument)
    if encodes and any(map(_doubles, names)):
        raise ValueError("it encodes bytes as bytes")


class _Bounded:
    """A file that is not asked for more than it has: a buffer of the size that was asked for would be made first."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.readline, self.tell = file.readline, file.tell
        self._file, self._size = file, size

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, self._size))


def _doubles(name: str) -> bool:
    """Whether a text is the name of an encoding of bytes as bytes, such as ``hex``."""
    try:
        return not codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError, ImportError):
        return False
