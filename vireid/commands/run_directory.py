"""Where a run writes: into a new folder, so that it never overwrites results."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from vireid.errors import OutputError, SettingsError
from vireid.results.files import FORKS_FILE
from vireid.version import __version__

RUNS = Path("runs")
HEADER = f"vireid=={__version__}"  # first line of a configuration that we saved
LAST = Path("checkpoints") / "last.ckpt"


class RunDirectory:
    """The folder of one run. It is chosen before any work, then created, and removed again if the run cannot begin.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        wanted: the folder that the user named; ``None`` for the next free one, in ``runs/`` for ``fit``, else beside the checkpoint.
        checkpoint: a file to resume from or to evaluate; ``last`` for the last checkpoint in ``wanted``.

    Attributes:
        path: the folder.
        checkpoint: the file; ``None`` also if the run to resume was stopped before its first checkpoint.
        resuming: whether a run is resumed in its own folder, which may then hold files.

    Raises:
        SettingsError: ``checkpoint`` is ``last``, and no folder is named.
    """

    def __init__(self, command: str, wanted: str | None, checkpoint: str | None) -> None:
        folder = None if wanted is None else Path(wanted)
        self.checkpoint, self.resuming = checkpoint, False
        if command == "fit" and checkpoint == "last":
            if folder is None:
                raise SettingsError("`--ckpt_path last` goes on with a run: name its folder with --run_dir.")
            self.checkpoint = str(folder / LAST) if (folder / LAST).exists() else None
            self.resuming = self.checkpoint is not None or _is_ours(folder / "config.yaml")
        elif command == "fit" and folder is not None and checkpoint is not None:
            self.resuming = _home_of(checkpoint) == folder.resolve()
        self.path = folder or next_free(RUNS if command == "fit" or checkpoint is None else _home_of(checkpoint), command)
        self._made: list[Path] = []  # folders that were made for it, innermost first
        self._fresh = False

    def make(self) -> None:
        """Create the folder.

        Raises:
            OutputError: the folder holds other files, or cannot be written.
        """
        self._made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        fresh_directory(self.path, self.resuming)
        self._fresh = not self.resuming

    def discard(self) -> None:
        """Remove the folders that this run made, and the configuration in them, unless they hold results too."""
        if not self._fresh:
            return
        self._fresh = False
        if [path.name for path in self.path.iterdir()] == ["config.yaml"]:
            (self.path / "config.yaml").unlink()
        with contextlib.suppress(OSError):
            for made in self._made:
                made.rmdir()

    def how_to_go_on(self) -> str:
        """What to tell a user who stopped the run; empty before the first checkpoint and the first finished fork."""
        kept = any((self.path / name).exists() for name in (LAST, FORKS_FILE))
        return f"To go on, give the same command with --run_dir {self.path} --ckpt_path last" if kept else ""

    def what_was_written(self) -> str:
        """What to tell a user after a training."""
        written = [name for name in ("genotype.json", "shortlist.csv", str(LAST), "metrics.csv") if (self.path / name).exists()]
        lines = [f"Results in {self.path}: {', '.join(written)}"]
        if str(LAST) in written:
            lines.append(f"Go on with: vireid test --ckpt {self.path / LAST}")
        return "\n".join(lines)


def fresh_directory(path: Path, resuming: bool = False) -> Path:
    """Create ``path`` as a folder to write into, so that a folder that cannot be written is reported before any work.

    Args:
        path: the folder.
        resuming: whether the run is resumed in its own folder, which may then hold files.

    Raises:
        OutputError: the folder holds files, or cannot be written.
    """
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
    """Create ``path`` as a folder, and check that files can be written into it.

    Raises:
        OutputError: the folder cannot be created or written.
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


def _is_ours(config: Path) -> bool:
    return config.is_file() and config.read_text(encoding="utf-8", errors="replace").startswith(f"# {HEADER.split('==')[0]}==")


def _home_of(checkpoint: str) -> Path:
    """Folder of the run that a checkpoint belongs to; the folder of the file if it was moved elsewhere."""
    folder = Path(checkpoint).resolve().parent
    return folder.parent if folder.name == "checkpoints" else folder
