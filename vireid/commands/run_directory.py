"""Where a run writes: a fresh folder, never over somebody's results."""

from __future__ import annotations

import os
from pathlib import Path

from vireid.errors import OutputError


def fresh_directory(wanted: str | os.PathLike[str] | None, parent: Path, name: str, resuming: bool = False) -> Path:
    """The folder to write into; created, so that a folder that cannot be written is known before any work.

    Args:
        wanted: what the user asked for; ``None`` for the next free ``parent/name-N``.
        parent, name: of the default.
        resuming: the run goes on in its own folder, which then may hold files.

    Raises:
        OutputError: the folder holds files, or cannot be written.
    """
    path = Path(wanted) if wanted is not None else next_free(parent, name)
    if path.is_dir() and any(path.iterdir()) and not resuming:
        raise OutputError(
            f"{os.fspath(path)!r} is not empty, and nothing is overwritten. Name another folder, "
            "or resume the run in it with `--ckpt_path last`."
        )
    return writable(path)


def next_free(parent: Path, name: str) -> Path:
    """``parent/name-N`` with the smallest free N from 1."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def writable(path: Path) -> Path:
    """``path`` as a folder that exists and takes files.

    Raises:
        OutputError: it does not.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".write-test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"Cannot write into {os.fspath(path)!r}: {error.strerror or error}. Name a folder that can be written."
        ) from error
    return path
