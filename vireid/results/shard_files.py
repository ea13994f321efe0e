"""``embeddings.npz`` of one part of a list, with its digest beside it."""

from __future__ import annotations

import os
from pathlib import Path

from vireid.archives import read_arrays
from vireid.errors import ResultsError
from vireid.files import file_digest, read_text, write_text_atomically
from vireid.results.images import EMBEDDINGS_FILE

DIGEST_FILE = f"{EMBEDDINGS_FILE}.sha256"  # in the form of sha256sum


def note_digest(path: Path) -> None:
    """Write the digest of a file of embeddings beside it."""
    write_text_atomically(path.with_name(DIGEST_FILE), f"{file_digest(path)}  {path.name}\n")


def check_digest(path: Path) -> None:
    """Check that a file of embeddings has the digest beside it.

    A job that was killed between the two files left whole embeddings, and their digest is written now.

    Raises:
        ResultsError: the file has changed.
    """
    beside = path.with_name(DIGEST_FILE)
    if not os.path.lexists(beside):  # a link is not followed: who made it would choose the file that is written
        note_digest(path)
        return
    try:
        said = read_text(beside, 1000)[:64]
    except (OSError, UnicodeDecodeError):
        said = ""
    if said != file_digest(path):
        raise ResultsError(
            f"{os.fspath(path)!r} is damaged: it does not have the digest beside it. Remove its folder, and predict it again."
        )


def is_finished(folder: Path, **expected: str) -> bool:
    """Whether a part is embedded already.

    Args:
        folder: of the part.
        expected: what its file must say, by name, such as the SHA-256 of the `checkpoint` that is to embed it.

    Raises:
        ResultsError: it is of another model or list, or its file has changed.
    """
    path = folder / EMBEDDINGS_FILE
    if not path.is_file():
        return False
    check_digest(path)
    try:
        said = {name: str(values) for name, values in read_arrays(path, expected).items()}
    except Exception as error:  # whatever NumPy and zipfile stumble over in damaged bytes
        raise ResultsError(f"{os.fspath(path)!r} is no part of a list: {error}. Name another --run_dir.") from error
    if said != expected:
        raise ResultsError(f"{os.fspath(path)!r} is of another model or list, and nothing is overwritten. Name another --run_dir.")
    return True
