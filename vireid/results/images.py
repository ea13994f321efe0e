"""``embeddings.npz``: the images of an evaluation, and where they are in the space that retrieval compares."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.archives import read_arrays
from vireid.errors import ResultsError
from vireid.results.details import Images

EMBEDDINGS_FILE = "embeddings.npz"


def read_images(path: Path) -> Images | None:
    """The images in ``embeddings.npz``; ``None`` without that file.

    Raises:
        ResultsError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        return _images(read_arrays(path))
    except Exception as error:  # whatever NumPy and zipfile stumble over in damaged bytes
        raise ResultsError(f"{os.fspath(path)!r} is damaged: {str(error).rstrip('.')}. Run `vireid test` again.") from error


def _images(arrays: dict[str, NDArray[Any]]) -> Images:
    embeddings, pids = arrays["embeddings"], arrays["pids"]
    columns = {name: arrays[name] for name in ("paths", "pids", "camids", "modalities")}
    people = arrays.get("people", pids.astype(str))
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f" or not np.isfinite(embeddings).all():
        raise ValueError("its embeddings are no finite table")
    if any(column.shape != embeddings.shape[:1] for column in (*columns.values(), people)):
        raise ValueError("its columns have other lengths than its embeddings")
    if any(columns[name].dtype.kind not in "iu" for name in ("pids", "camids", "modalities")):
        raise ValueError("its labels are no whole numbers")
    if not np.isin(columns["modalities"], (0, 1)).all():
        raise ValueError("its modalities are not 0 and 1")
    return Images(embeddings, paths=columns.pop("paths").astype(str), people=people.astype(str), **columns)
