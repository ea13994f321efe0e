"""Where a run writes: into a new folder, so that it never overwrites results."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from vireid.commands.slurm import JOB_FILE, Job
from vireid.errors import OutputError, SettingsError
from vireid.files import clear_parts, is_part
from vireid.locks import LOCK_FILE, FolderLock
from vireid.printable import printable
from vireid.results.files import FORKS_FILE
from vireid.version import __version__

RUNS = Path("runs")
HEADER = f"vireid=={__version__}"  # first line of a configuration that we saved
LAST = Path("checkpoints") / "last.ckpt"
BEST = LAST.with_name("best.ckpt")
CONFIG = "config.yaml"
FIRST = (CONFIG, JOB_FILE, LOCK_FILE, PROBE := ".write-test")
"""Files that a run writes before there is anything to keep."""


class RunDirectory:
    """The folder of one run. It is chosen before any work, then taken, and removed again if the run cannot begin.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        wanted: the folder that the user named; ``None`` for the next free one, in ``runs/`` for ``fit``, else beside the checkpoint. It is
            made at once, so that no other process gets the same.
        checkpoint: a file to resume from or to evaluate; ``last`` for the last checkpoint in ``wanted``. A job of SLURM that was put back
            into the queue needs none.

    Attributes:
        path: the folder.
        checkpoint: the file; ``None`` also if the run to resume was stopped before its first checkpoint.
        resuming: whether a run is resumed in its own folder, which may then hold files.
        requeued: whether it is resumed because its job was put back into the queue.

    Raises:
        SettingsError: ``checkpoint`` is ``last``, and no folder is named.
        OutputError: no folder can be made.
    """

    def __init__(self, command: str, wanted: str | None, checkpoint: str | None) -> None:
        folder = None if wanted is None else Path(wanted)
        self.job = Job() if command == "fit" else None
        self.checkpoint, self.resuming, self.requeued = checkpoint, False, False
        if command == "fit" and checkpoint is None and (before := self._of_this_job(folder)) is not None:
            folder, checkpoint, self.requeued = before, "last", True
        if command == "fit" and checkpoint == "last":
            if folder is None:
                raise SettingsError("`--ckpt_path last` goes on with a run: name its folder with --run_dir.")
            self.checkpoint = str(folder / LAST) if (folder / LAST).exists() else None
            self.resuming = self.checkpoint is not None or _is_ours(folder / CONFIG)
        elif command == "fit" and folder is not None and checkpoint is not None:
            self.resuming = _home_of(checkpoint) == folder.resolve()
        self._made: list[Path] = []  # folders that were made for it, innermost first
        if folder is None:
            parent = RUNS if command == "fit" or checkpoint is None else _home_of(checkpoint)
            self._made = absent(parent)
            folder = next_free(parent, command)
            self._made.insert(0, folder)
        self.path = folder
        self._lock: FolderLock | None = None
        self._fresh = False

    def _of_this_job(self, folder: Path | None) -> Path | None:
        """The folder that this job of SLURM wrote into before it was put back into the queue."""
        assert self.job is not None
        numbered = (path for path in RUNS.glob("fit-*") if path.name[4:].isdecimal()) if folder is None else [folder]
        return next((path for path in sorted(numbered) if self.job.goes_on_in(path)), None)

    def make(self) -> None:
        """Create the folder and take it, before anything is written into it. A second call does nothing.

        Raises:
            OutputError: another process writes into the folder, it holds other files, or it cannot be written.
        """
        if self._lock is not None:
            return
        self._made = self._made or absent(self.path)
        lock = FolderLock(self.path)
        lock.take()
        self._lock = lock
        if not self.resuming:
            check_fresh(self.path)
        for folder in (self.path, self.path / LAST.parent):
            clear_parts(folder)
        self._fresh = not self.resuming

    def note_job(self, processes: int) -> None:
        """Write down which job of SLURM the folder is of.

        Args:
            processes: number of processes of the run.
        """
        if self.job is not None:
            self.job.note(self.path, processes == 1, self.requeued)

    def discard(self) -> None:
        """Remove the folders that this run made, and the configuration in them, unless they hold results too."""
        if self._fresh and is_fresh(self.path, own=True):
            for name in FIRST:
                (self.path / name).unlink(missing_ok=True)
            clear_parts(self.path)
        self._fresh = False
        self.release()
        with contextlib.suppress(OSError):
            for made in self._made:
                made.rmdir()

    def release(self) -> None:
        """Let other processes have the folder."""
        if self._lock is not None:
            self._lock.release()

    def how_to_go_on(self) -> str:
        """What to tell a user who stopped the run; empty before the first checkpoint and the first finished fork."""
        kept = any((self.path / name).exists() for name in (LAST, FORKS_FILE))
        return f"To go on, give the same command with --run_dir {printable(self.path)} --ckpt_path last" if kept else ""

    def what_was_written(self) -> str:
        """What to tell a user after a training."""
        written = [name for name in ("genotype.json", "shortlist.csv", str(LAST), str(BEST), "metrics.csv") if (self.path / name).exists()]
        lines = [f"Results in {printable(self.path)}: {', '.join(written)}"]
        if str(LAST) in written:
            lines.append(f"Go on with: vireid test --ckpt {printable(self.path / LAST)}")
        return "\n".join(lines)


def absent(folder: Path) -> list[Path]:
    """The folder and those above it that do not exist yet, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def is_fresh(folder: Path, own: bool = False) -> bool:
    """Whether a folder holds nothing but what a run writes before there is anything to keep.

    A run that was killed in its first moments leaves such a folder.

    Args:
        folder: an existing folder.
        own: whether the configuration in it is known to be ours; otherwise its first line must say so.
    """
    for path in folder.iterdir():
        if path.name == LAST.parent.name and path.is_dir():
            kept = [each.name for each in path.iterdir() if not is_part(each)]
        else:
            ours = is_part(path) or (path.name in FIRST and not path.is_dir() and (path.name != CONFIG or own or _is_ours(path)))
            kept = [] if ours else [path.name]
        if kept:
            return False
    return True


def check_fresh(folder: Path) -> None:
    """Refuse to write into a folder that holds files.

    Raises:
        OutputError: it does.
    """
    if not is_fresh(folder):
        raise OutputError(
            f"{os.fspath(folder)!r} is not empty, and nothing is overwritten. Name another folder, "
            "or resume the run in it with `--ckpt_path last`."
        )


def next_free(parent: Path, name: str) -> Path:
    """Make ``parent/name-N`` with the smallest free N from 1. Of several processes that ask at once, each gets a folder of its own.

    Raises:
        OutputError: it cannot be made.
    """
    number = 1
    while True:
        path = parent / f"{name}-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise OutputError(f"Cannot make {os.fspath(path)!r}: {error.strerror or error}. Name a folder with --run_dir.") from error
        else:
            return path


def writable(path: Path) -> Path:
    """Create ``path`` as a folder, and check that files can be written into it.

    Raises:
        OutputError: the folder cannot be created or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / PROBE
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
