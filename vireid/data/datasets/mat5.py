"""Reader of the MATLAB level 5 files that split lists use: numeric matrices and (nested) cell arrays of them."""

from __future__ import annotations

import os
import struct
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.errors import DatasetError, DatasetNotFoundError
from vireid.files import read_bytes

MI_MATRIX, MI_COMPRESSED = 14, 15
MX_CELL = 1
HEADER_BYTES = 128
LARGEST = 100_000_000  # bytes of a file, and of its compressed variables together
DEEPEST = 20  # cells in cells
NUMERIC: dict[int, str] = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES: dict[int, str] = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}


class _Unsupported(Exception):
    pass


FAULTS = (_Unsupported, struct.error, zlib.error, ValueError, IndexError, OverflowError, MemoryError, RecursionError)
"""What damaged bytes, sizes and nested cells can raise."""


def read_mat(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Variables of a MATLAB level 5 file, which may be compressed.

    Args:
        path: file with real numeric matrices and cell arrays; other kinds of variables are refused.

    Returns:
        Name to array. A numeric matrix keeps its class and shape; a cell array becomes an object array of its shape.

    Raises:
        DatasetNotFoundError: the file does not exist.
        DatasetError: the file is not a level 5 file, is damaged, or holds something other than numbers and cells.

    Example::

        order = read_mat("data/SYSU-MM01/exp/rand_perm_cam.mat")["rand_perm_cam"]
    """
    file = Path(path)
    try:
        content = read_bytes(file, LARGEST)
    except FileNotFoundError:
        raise DatasetNotFoundError(f"There is no MATLAB file {os.fspath(path)!r}.") from None
    except OSError as error:
        raise DatasetError(f"Cannot read {os.fspath(path)!r}: {error.strerror or error}.") from error
    mark = content[126:HEADER_BYTES]
    if mark not in (b"IM", b"MI"):
        raise DatasetError(f"{os.fspath(path)!r} is not a MATLAB level 5 file (MATLAB saves one with `save -v7`).")
    order = "<" if mark == b"IM" else ">"
    try:
        return dict(_variables(memoryview(content)[HEADER_BYTES:], order))
    except FAULTS as error:
        raise DatasetError(
            f"{os.fspath(path)!r} is damaged or holds more than numbers and cells: {error or type(error).__name__}."
        ) from error


def _variables(content: memoryview, order: str) -> list[tuple[str, NDArray[Any]]]:
    found, left = [], LARGEST
    while len(content) >= 8:
        kind, data, content = _element(content, order)
        if kind == MI_COMPRESSED:
            unpacked = _unpacked(data, left)
            left -= len(unpacked)
            kind, data, _ = _element(memoryview(unpacked), order)
        if kind == MI_MATRIX:
            found.append(_matrix(data, order))
    return found


def _unpacked(data: memoryview, largest: int) -> bytes:
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(data, largest + 1)
    if len(found) > largest:
        raise _Unsupported(f"its variables unpack to more than {LARGEST:,} bytes")
    if not unpacking.eof:
        raise _Unsupported("a compressed variable is cut off")
    return found


def _element(content: memoryview, order: str) -> tuple[int, memoryview, memoryview]:
    """One tagged element: its type, its data, and what follows (elements are padded to 8 bytes, compressed ones are not)."""
    kind, size = struct.unpack_from(order + "II", content)
    if kind >> 16:  # small element: size and type share the first word, the data is the second
        return kind & 0xFFFF, content[4 : 4 + (kind >> 16)], content[8:]
    if size > len(content) - 8:
        raise _Unsupported(f"an element of {size} bytes is cut off")
    end = 8 + size + (0 if kind == MI_COMPRESSED else -size % 8)
    return kind, content[8 : 8 + size], content[end:]


def _matrix(data: memoryview, order: str, depth: int = 0) -> tuple[str, NDArray[Any]]:
    """Name and value of a matrix element; an element without content is an empty matrix."""
    if depth > DEEPEST:
        raise _Unsupported(f"cells are nested more than {DEEPEST} deep")
    if not data:
        return "", np.zeros((0, 0))
    _, flags, data = _element(data, order)
    word = struct.unpack_from(order + "I", flags)[0]
    matlab_class, is_complex = word & 0xFF, word & 0x0800
    _, raw, data = _element(data, order)
    shape = tuple(int(size) for size in np.frombuffer(raw, order + "i4"))
    _, name, data = _element(data, order)
    if matlab_class == MX_CELL:
        count = prod(shape)
        if not 0 <= count <= len(data) // 8:  # a cell has a tag of 8 bytes at least
            raise _Unsupported(f"a cell array of shape {list(shape)} does not fit into the file")
        cells = np.empty(count, dtype=object)
        for index in range(cells.size):
            _, cell, data = _element(data, order)
            cells[index] = _matrix(cell, order, depth + 1)[1]
        return bytes(name).decode("ascii"), cells.reshape(shape, order="F")
    if matlab_class not in CLASSES or is_complex:
        raise _Unsupported(f"variables of MATLAB class {matlab_class} are not read")
    kind, raw, _ = _element(data, order)  # numbers may be stored in a smaller type than their class
    if kind not in NUMERIC:
        raise _Unsupported(f"numbers of storage type {kind} are not read")
    values = np.frombuffer(raw, order + NUMERIC[kind]).astype(CLASSES[matlab_class])
    return bytes(name).decode("ascii"), values.reshape(shape, order="F")
