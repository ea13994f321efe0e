"""``embeddings.npz`` of one part of a list, with its digest beside it."""

from __future__ import annotations

import os
from pathlib import Path

from vireid.archives import read_arrays
from vireid.errors import MissingFileError, ResultsError
from vireid.files import file_digest, read_text, write_text_atomically
from vireid.results.images import EMBEDDINGS_FILE
from vireid.structures import Shard

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


def part_files(folder: Path) -> tuple[Path, ...]:
    """Files of embeddings of all parts, in order.

    Raises:
        MissingFileError: there are none, or some are missing.
        ResultsError: they are of two divisions.
    """
    found = {shard: path for path in sorted(folder.glob("*")) if (shard := Shard.of_folder(path)) is not None}
    divisions = sorted({shard.of for shard in found})
    if len(divisions) > 1:
        raise ResultsError(
            f"{os.fspath(folder)!r} holds parts of a list in {divisions[0]} and of one in {divisions[1]}: remove one of them."
        )
    missing = [
        f"{number}/{count}"
        for count in divisions
        for number in range(1, count + 1)
        if not (folder / Shard(number, count).name / EMBEDDINGS_FILE).is_file()
    ]
    if missing or not found:
        named = f": {', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}" if missing else ""
        raise MissingFileError(f"Parts of {os.fspath(folder)!r} are not embedded{named}. Run `vireid predict --shard` for them.")
    return tuple(folder / shard.name / EMBEDDINGS_FILE for shard in sorted(found, key=lambda shard: shard.number))
