"""Archives of arrays (``.npz``), read only as far as they hold what they name."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vireid.files import open_regular

LARGEST = 500_000_000  # bytes of the arrays together; those of a million queries in ten trials have fewer

LOCAL_HEADER = 30  # bytes before the name of an entry


def read_arrays(path: str | os.PathLike[str], names: Collection[str] | None = None, largest: int | None = None) -> dict[str, NDArray[Any]]:
    """Arrays of an archive, by name. Objects are refused.

    Args:
        path: the archive.
        names: of the arrays to read, if they are there; ``None`` for all. Of the others nothing is read.
        largest: bytes that the arrays may unpack to; ``None`` for :data:`LARGEST`.

    Raises:
        ValueError: the arrays unpack to more than ``largest``, or the header of one names another size than it has.
        Exception: whatever NumPy and zipfile raise on damaged bytes.
    """
    with open_regular(path) as file:
        _check_sizes(file, names, LARGEST if largest is None else largest)
        with np.load(file, allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files if names is None or name in names}


def map_array(path: str | os.PathLike[str], name: str) -> NDArray[Any]:
    """One array of an archive that is not compressed, of which only what is used is read. Its checksum is not compared.

    Raises:
        ValueError: it is compressed, holds objects, or its header names another size than it has.
        KeyError: there is no such array.
        Exception: whatever NumPy and zipfile raise on damaged bytes.
    """
    with open_regular(path) as file:
        _check_sizes(file, (name,), os.fstat(file.fileno()).st_size)
        with zipfile.ZipFile(file) as archive:
            entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{entry.filename} is compressed")
        file.seek(entry.header_offset)
        header = file.read(LOCAL_HEADER)
        file.seek(entry.header_offset + LOCAL_HEADER + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28)))
        shape, in_columns, kind = _header(file)
        if not prod(shape):
            return np.empty(shape, kind)
        return np.memmap(file, kind, "r", file.tell(), shape, "F" if in_columns else "C")


def _header(array: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and kind of an array, from the beginning of its file."""
    version = np.lib.format.read_magic(array)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(array)


def _check_sizes(file: IO[bytes], names: Collection[str] | None, largest: int) -> None:
    with zipfile.ZipFile(file) as archive:
        entries = [entry for entry in archive.infolist() if names is None or entry.filename.removesuffix(".npy") in names]
        if sum(entry.file_size for entry in entries) > largest:
            raise ValueError(f"it unpacks to more than {largest:,} bytes")
        for entry in entries:
            with archive.open(entry) as array:
                shape, _, kind = _header(array)
                if kind.hasobject:
                    raise ValueError("Object arrays cannot be loaded")
                if prod(shape) * kind.itemsize + array.tell() != entry.file_size:
                    raise ValueError(f"{entry.filename} is not of the size that it names")
    file.seek(0)
