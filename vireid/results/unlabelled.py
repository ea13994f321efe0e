"""Embeddings of image files without labels, as ``vireid predict --images`` writes them, whole or in parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vireid.archives import read_arrays
from vireid.errors import ResultsError
from vireid.results.images import EMBEDDINGS_FILE
from vireid.results.shard_files import check_digest, part_files
from vireid.structures import Modality


@dataclass(frozen=True)
class EmbeddedImages:
    """Embeddings of image files, row by row.

    Attributes:
        embeddings: ``(N, D)`` float32 rows of unit length.
        paths: ``(N,)`` files, as they were given.
        modality: of all images.
        model: digest of what embedded them. Embeddings of different digests cannot be compared.

    Example::

        found = read_embeddings("parts")
        nearest = found.paths[(found.embeddings @ found.embeddings[0]).argsort()[::-1][:10]]
    """

    embeddings: NDArray[np.float32]
    paths: NDArray[np.str_]
    modality: Modality
    model: str


def read_embeddings(folder: str | os.PathLike[str]) -> EmbeddedImages:
    """What ``vireid predict --images`` wrote, in the order of its list of images; parts are checked and put together.

    Args:
        folder: ``--run_dir`` of that command, with ``--shard`` or without.

    Raises:
        MissingFileError: there are no embeddings, or parts are missing.
        ResultsError: a file is damaged, has labels, or parts are of different models, lists of images, modalities or divisions.

    Example::

        found = read_embeddings("parts")  # of seven jobs with --shard 1/7 to 7/7 and the same --run_dir
        print(found.embeddings.shape, found.paths[:3])
    """
    folder = Path(folder)
    paths = (folder / EMBEDDINGS_FILE,) if (folder / EMBEDDINGS_FILE).is_file() else part_files(folder)
    parts = [_Part.read(path) for path in paths]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        for what in ("model", "list"):
            if getattr(part, what) != getattr(first, what):
                raise ResultsError(
                    f"The parts of {os.fspath(folder)!r} are of different {what}s: {path.parent.name!r} differs. Predict all parts again "
                    "with one checkpoint, one --modality and one list of --images."
                )
    try:
        return _joined(parts)
    except ValueError as error:
        raise ResultsError(f"The parts of {os.fspath(folder)!r} do not fit together: {error}. Predict them again.") from error


def list_digest(modality: Modality, paths: Sequence[str]) -> str:
    """Digest of a list of images, by which its parts know one another."""
    return hashlib.sha256("\0".join([modality.name, *paths]).encode(errors="surrogateescape")).hexdigest()


def _joined(parts: Sequence[_Part]) -> EmbeddedImages:
    """Images that were dealt out in turn, in the order of their list."""
    total, count = sum(len(part.paths) for part in parts), len(parts)
    width = max(part.embeddings.shape[1] for part in parts)
    longest = max((part.paths.dtype for part in parts), key=lambda kind: kind.itemsize)
    rows, paths, modalities = np.empty((total, width), np.float32), np.empty(total, longest), np.empty(total, np.int64)
    for number, part in enumerate(parts):
        if len(part.paths) != len(range(number, total, count)) or (len(part.paths) and part.embeddings.shape[1] != width):
            raise ValueError(f"part {number + 1} has another number of images, or of numbers in an embedding, than the others")
        rows[number::count] = part.embeddings.reshape(-1, width)  # that of an empty part has no columns
        paths[number::count], modalities[number::count] = part.paths, part.modalities
    for modality in Modality:
        if list_digest(modality, paths.tolist()) == parts[0].list and (modalities == modality).all():
            return EmbeddedImages(rows, paths, modality, parts[0].model)
    raise ValueError("their images are not those of the list that they name")


@dataclass(frozen=True)
class _Part:
    """What the file of a part says, besides its images.

    Attributes:
        list: digest of the list of images.
        model: digest of what embeds.
        embeddings, paths, modalities: of its images.
    """

    list: str
    model: str
    embeddings: NDArray[np.float32]
    paths: NDArray[np.str_]
    modalities: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> _Part:
        """Read a file that has its digest."""
        check_digest(path)
        try:
            arrays = read_arrays(path, largest=path.stat().st_size)
            if "pids" in arrays or "positions" in arrays:
                raise ValueError("it is of labelled images, which `vireid evaluate` and `vireid test` score")
            part = cls(str(arrays["list"]), str(arrays["model"]), *(arrays[name] for name in ("embeddings", "paths", "modalities")))
            part.check()
        except Exception as error:  # whatever NumPy and zipfile stumble over in damaged bytes
            raise ResultsError(f"{os.fspath(path)!r} cannot be read: {str(error).rstrip('.')}. Predict it again.") from error
        return part

    def check(self) -> None:
        """Raise ``ValueError`` if the arrays do not fit together."""
        rows = self.embeddings
        if rows.ndim != 2 or rows.dtype != np.float32 or not np.isfinite(rows).all():
            raise ValueError("its embeddings are no finite table")
        if self.paths.shape != rows.shape[:1] or self.paths.dtype.kind != "U" or self.modalities.shape != rows.shape[:1]:
            raise ValueError("it has other images than embeddings")
