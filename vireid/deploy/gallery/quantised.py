"""A search with a quarter of the memory: embeddings of 8 bits a number, by faiss. Its file is derived from the gallery."""

from __future__ import annotations

import importlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.index import Floats, Found, Mask
from vireid.errors import GalleryError, OutputError

END = struct.Struct("<8sQQQ")  # at the end of a file: mark, changes of the gallery, rows, bytes before this
MARK = b"VIREIDX1"
TRAINED_ON = 100_000  # rows from which the range of the numbers is taken
FEW = 256
"""With fewer first rows than this, the range is that of unit vectors."""


class QuantisedIndex:
    """Embeddings of 8 bits a number. What it finds must be scored again.

    Args:
        width: D.
        faiss_index: an index of faiss; ``None`` for an empty one.
    """

    exact = False

    def __init__(self, width: int, faiss_index: Any = None) -> None:
        self._faiss = _faiss()
        self._width = width
        self.faiss_index = faiss_index

    def add(self, embeddings: Floats) -> None:
        if self.faiss_index is None:
            faiss = self._faiss
            self.faiss_index = faiss.IndexScalarQuantizer(self._width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
            ends = np.ones((2, self._width), np.float32) * np.array([[-1], [1]], np.float32)
            self.faiss_index.train(embeddings[:TRAINED_ON] if len(embeddings) >= FEW else ends)
        self.faiss_index.add(np.ascontiguousarray(embeddings))

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Nothing: the mask leaves them out, and moving memory takes long. The file is written without them."""

    def search(self, query: Floats, k: int, masks: Sequence[Mask]) -> list[Found]:
        return [self._search(query, min(k, int(np.count_nonzero(mask))), mask) for mask in masks]

    def _search(self, query: Floats, k: int, mask: Mask) -> Found:
        if k == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        bits = np.packbits(mask, bitorder="little")
        chosen = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBitmap(bits))
        scores, rows = self.faiss_index.search(np.ascontiguousarray(query[None]), k, params=chosen)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]


class IndexFile:
    """The file of a quantised index, beside its gallery. It is written as a whole, and read only if it is of the gallery as it is.

    Args:
        gallery: file of the gallery.

    Raises:
        GalleryError: the extra ``faiss`` is not installed.
    """

    def __init__(self, gallery: Path) -> None:
        _faiss()
        self.path, self._part = files_of(gallery)

    def empty(self, width: int) -> QuantisedIndex:
        """An index without rows."""
        return QuantisedIndex(width)

    def read(self, changes: int, rows: int, width: int) -> QuantisedIndex | None:
        """The index of a gallery after so many changes; ``None`` if there is none, or the file is truncated or of another state."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - END.size))
                end = file.read(END.size)
            if len(end) != END.size or END.unpack(end) != (MARK, changes, rows, size - END.size):
                return None
            found = _faiss().read_index(os.fspath(self.path))
        except (OSError, RuntimeError):  # faiss raises the latter for what it cannot read
            return None
        return QuantisedIndex(width, found) if (found.ntotal, found.d) == (rows, width) else None

    def write(self, index: Any, changes: int, rows: int) -> None:
        """Replace the file.

        Raises:
            OutputError: it cannot be written.
        """
        if index.faiss_index is None:
            self.path.unlink(missing_ok=True)
            return
        try:
            _faiss().write_index(index.faiss_index, os.fspath(self._part))
            with self._part.open("ab") as file:
                file.write(END.pack(MARK, changes, rows, file.tell()))
                file.flush()
                os.fsync(file.fileno())
            self._part.replace(self.path)
        except (OSError, RuntimeError) as error:
            self._part.unlink(missing_ok=True)
            raise OutputError(f"Cannot write {os.fspath(self.path)!r}: {error}. The gallery itself is whole.") from error


def files_of(gallery: Path) -> tuple[Path, Path]:
    """File of the index of a gallery, and the file that becomes it when it is whole."""
    return gallery.with_name(f"{gallery.name}.index"), gallery.with_name(f".{gallery.name}.index.part")


def delete_files(gallery: Path) -> None:
    """Delete the file of an index, and what a killed process left of one."""
    for path in files_of(gallery):
        path.unlink(missing_ok=True)


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ModuleNotFoundError as error:
        raise GalleryError("A quantised index needs faiss: pip install 'vireid[faiss]'.") from error
