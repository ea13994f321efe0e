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


def read_arrays(path: str | os.PathLike[str], names: Collection[str] | None = None, largest: int = LARGEST) -> dict[str, NDArray[Any]]:
    """Arrays of an archive, by name. Objects are refused.

    Args:
        path: the archive.
        names: of the arrays to read, if they are there; ``None`` for all. Of the others nothing is read.
        largest: bytes that the arrays may unpack to.

    Raises:
        ValueError: the arrays unpack to more than ``largest``, or the header of one names another size than it has.
        Exception: whatever NumPy and zipfile raise on damaged bytes.
    """
    with open_regular(path) as file:
        _check_sizes(file, names, largest)
        with np.load(file, allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files if names is None or name in names}


def _check_sizes(file: IO[bytes], names: Collection[str] | None, largest: int) -> None:
    with zipfile.ZipFile(file) as archive:
        entries = [entry for entry in archive.infolist() if names is None or entry.filename.removesuffix(".npy") in names]
        if sum(entry.file_size for entry in entries) > largest:
            raise ValueError(f"it unpacks to more than {largest:,} bytes")
        for entry in entries:
            with archive.open(entry) as array:
                version = np.lib.format.read_magic(array)
                read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, kind = read_header(array)
                if kind.hasobject:
                    raise ValueError("Object arrays cannot be loaded")
                if prod(shape) * kind.itemsize + array.tell() != entry.file_size:
                    raise ValueError(f"{entry.filename} is not of the size that it names")
    file.seek(0)
