"""Archives of arrays (``.npz``), read only as far as they hold what they name."""

from __future__ import annotations

import os
import zipfile
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vireid.files import open_regular

LARGEST = 500_000_000  # bytes of the arrays together; those of a million queries in ten trials have fewer


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Every array of an archive, by name. Objects are refused.

    Raises:
        ValueError: the arrays unpack to more than :data:`LARGEST`, or the header of one names another size than it has.
        Exception: whatever NumPy and zipfile raise on damaged bytes.
    """
    with open_regular(path) as file:
        _check_sizes(file)
        with np.load(file, allow_pickle=False) as loaded:
            return dict(loaded.items())


def _check_sizes(file: IO[bytes]) -> None:
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")
        for entry in archive.infolist():
            with archive.open(entry) as array:
                version = np.lib.format.read_magic(array)
                read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, kind = read_header(array)
                if kind.hasobject:
                    raise ValueError("Object arrays cannot be loaded")
                if prod(shape) * kind.itemsize + array.tell() != entry.file_size:
                    raise ValueError(f"{entry.filename} is not of the size that it names")
    file.seek(0)
