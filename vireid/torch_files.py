"""Files that torch wrote, read as tensors and plain values; nothing in them is executed."""

from __future__ import annotations

import functools
import logging
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vireid.errors import CheckpointError
from vireid.pickles import check_pickles
from vireid.printable import printable
from vireid.settings.bounds import leaves

LOG = logging.getLogger(__name__)
NUMPY = [
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    "numpy.ndarray",
    "numpy.dtype",
]
"""What builds arrays and scalars in a file. NumPy 2 renamed its ``core`` to ``_core``."""


SLACK, SHARED = 1_000_000, 8  # bytes beside the file, and how often a file may name the same numbers


class NumpyValue:
    """Stands for an array or a scalar of NumPy, and holds nothing of it.

    NumPy rebuilds an array from sizes and flags in the file, of which it does not check all. So none of NumPy's code sees them.
    """

    def __init__(self, *parts: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def read_torch_file(path: str | os.PathLike[str], map_location: Any = "cpu") -> Any:
    """Content of a file that holds tensors and plain values alone.

    Raises:
        CheckpointError: damaged, or holding something else.
    """
    try:
        check_pickles(path)
        content = torch.load(path, map_location=map_location, weights_only=True)
        _check_tensors(content, Path(path).stat().st_size)
    except Exception as error:  # whatever torch stumbles over in bytes that are not its own
        raise CheckpointError(f"{os.fspath(path)!r} {_reason(error)} It was not loaded.") from error
    return content


def _check_tensors(content: Any, size: int) -> None:
    """Refuse tensors that are larger than what the file holds of them: a view may repeat one number without end.

    Raises:
        ValueError: there is one, or something other than a dense tensor.
    """
    storages: dict[int, int] = {}
    total = 0
    for value in leaves(content):
        if isinstance(value, Tensor):
            if not _is_plain(value):
                raise ValueError("it holds something other than dense tensors")
            storage = value.untyped_storage()
            storages[storage._cdata] = storage.nbytes()
            if value.numel() * value.element_size() > storage.nbytes():
                raise ValueError(f"a tensor of {tuple(value.shape)} is larger than its numbers in the file")
            total += value.numel() * value.element_size()
    if sum(storages.values()) > size + SLACK or total > SHARED * size + SLACK:
        raise ValueError("its tensors are larger than the file")


def read_whole(path: str | os.PathLike[str], map_location: Any = "cpu") -> Any:
    """Content of a file of ours, every byte of which fits its checksum. A process looks once at a file that stays as it is.

    Raises:
        CheckpointError: damaged, of the form that torch wrote before 1.6, or holding something other than tensors and plain values.
    """
    found = Path(path).stat()
    _check_whole(os.fspath(path), found.st_ino, found.st_size, found.st_mtime_ns)
    return read_torch_file(path, map_location)


@functools.lru_cache
def _check_whole(path: str, *version: int) -> None:  # noqa: ARG001 (which file it was)
    if not _is_archive(path):
        raise CheckpointError(f"{path!r} holds something other than tensors and plain values, or is damaged: it is no archive of torch.")
    if entry := wrong_checksum(path):
        raise CheckpointError(f"{path!r} is damaged: the checksum of {entry} is wrong. It was not loaded.")


def read_published(path: str | os.PathLike[str]) -> Any:
    """Content of a file of somebody else. Each number of NumPy beside the tensors becomes a :class:`NumpyValue`.

    A wrong checksum is a warning, because such files may have none that is right.

    Raises:
        CheckpointError: damaged, or holding something other than tensors, plain values and numbers of NumPy.
    """
    if entry := wrong_checksum(path):
        LOG.warning(
            "%s: the checksum of %s is wrong. The file may be damaged; compare its size with the published one.", printable(path), entry
        )
    with torch.serialization.safe_globals([(NumpyValue, name) for name in NUMPY]):
        return read_torch_file(path)


def wrong_checksum(path: str | os.PathLike[str]) -> str:
    """The first entry of a file of torch whose bytes do not fit its checksum; empty if there is none, or the file has no checksums.

    Torch compares no checksums when it reads, and writes none if ``torch.serialization.set_crc32_options(False)`` says so.

    Raises:
        CheckpointError: the archive is damaged, or its entries are larger than the file, as those of a packed archive are.
    """
    if not _is_archive(path):  # torch before 1.6 wrote none
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            if stored and sum(entry.file_size for entry in entries) <= Path(path).stat().st_size:
                return (archive.testzip() or "") if any(entry.CRC for entry in entries) else ""
    except Exception as error:  # whatever zipfile stumbles over in damaged bytes
        raise CheckpointError(f"{os.fspath(path)!r} is damaged: {error}. It was not loaded.") from error
    raise CheckpointError(f"{os.fspath(path)!r} is a packed archive, and torch writes none. It was not loaded.")


def check_weights(state: Any, name: str) -> None:
    """Check that a state dict holds tensors whose numbers are finite.

    Raises:
        CheckpointError: it does not.
    """
    if not (isinstance(state, Mapping) and all(isinstance(key, str) and _is_plain(value) for key, value in state.items())):
        raise CheckpointError(f"{name} is damaged: it holds something other than dense tensors where the weights should be.")
    bad = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if bad:
        raise CheckpointError(
            f"{name} holds NaN or infinity in {len(bad)} of {len(state)} entries, first {bad[0]}: the training that wrote it diverged, or "
            "the file is damaged. Take an earlier checkpoint."
        )


def _is_archive(path: str | os.PathLike[str]) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # of an end that begins well
        return True


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided and not (value.is_meta or value.is_quantized)


def _reason(error: Exception) -> str:
    """What torch says, without its advice to run what the file brings."""
    text = " ".join(str(error).split())
    if found := re.search(r"GLOBAL (\S+) (?:was not|whose module)", text):
        return (
            f"holds something other than tensors and plain values: it asks for {found[1]}. "
            "Open a pickled network where its code is, and save its `state_dict()`."
        )
    if found := re.search(r"WeightsUnpickler error: (.*?)(?: Check the documentation|$)", text):
        return f"holds something other than tensors and plain values, or is damaged: {found[1]}."
    return f"is damaged, or no file of torch: {text.split('. ')[0].rstrip('.') or type(error).__name__}."
