"""Who works on a job: numbered attempts, of which the one with the highest number counts.

An attempt is a file beside that of the job. It is made with what the attempt before it had finished, in one step that only one process can
take, and from then on nobody reads the older file. So what an older attempt finishes later, on a machine that was thought dead, is not
counted. A file that does not change for a while belongs to a dead process; that is measured by whoever waits, and no clock is compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from vireid.errors import ResultsError
from vireid.files import read_text, write_text_atomically

BEAT = 5.0
"""Seconds after which a process that works on a job says so again."""

PATIENCE = 60.0
"""Seconds for which a file must stay as it is before its process counts as dead."""


MOST_PROCESSES = 2**22
"""Highest number of a process."""

_NAME = re.compile(r"(.+)\.attempt-([1-9][0-9]*)\.json")


@dataclass(frozen=True)
class Attempt:
    """What the file of an attempt says.

    Attributes:
        number: from 1.
        seconds: seconds of every finished step, by name.
        machine: where its process runs.
        process: number of the process there.
        beat: how often it said that it is alive.
        ended: whether it ended by itself.
    """

    number: int
    seconds: dict[str, float]
    machine: str = ""
    process: int = 0
    beat: int = 0
    ended: bool = False

    def is_over(self) -> bool:
        """Whether its process is known to have ended: by its own word, or because it ran here and is no more."""
        return self.ended or (self.machine == this_machine() and not _runs(self.process))


@dataclass
class Lease:
    """The right to work on a job, until another attempt begins.

    Attributes:
        job: file of the job.
        attempt: the last that was written.
    """

    job: Path
    attempt: Attempt
    _alone: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record(self, step: str, seconds: float) -> None:
        """Note that a step is finished.

        Raises:
            ResultsError: a later attempt has begun, and this one no longer counts.
        """
        self._write(seconds={**self.attempt.seconds, step: seconds})
        if (later := latest(self.job)) is not None and later.number > self.attempt.number:
            raise ResultsError(
                f"Attempt {later.number} of {self.job.stem!r} has begun on {later.machine.split(' ')[0]!r}, "
                f"and `{step}` of attempt {self.attempt.number} is not counted."
            )

    @contextlib.contextmanager
    def kept(self, beat: float) -> Iterator[Lease]:
        """Say that the process is alive until the block ends. It is asked to end when a later attempt begins."""
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(over, beat), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()
            self._write(ended=True)

    def _beat(self, over: threading.Event, beat: float) -> None:
        while not over.wait(beat):
            if (later := latest(self.job)) is not None and later.number > self.attempt.number:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
                return
            self._write(beat=self.attempt.beat + 1)

    def _write(self, **changed: object) -> None:
        with self._alone:
            self.attempt = replace(self.attempt, **changed)  # type: ignore[arg-type]  # fields of an attempt
            write_text_atomically(_file(self.job, self.attempt.number), _text(self.attempt))


def claim(job: Path, before: Attempt, patience: float = PATIENCE) -> Lease:
    """Begin the next attempt, when the one before has ended or is dead.

    Args:
        job: file of the job.
        before: what counts if there was no attempt yet.
        patience: seconds for which the file of an attempt must stay as it is.
    """
    while True:
        last = latest(job) or before
        _wait_for_end(job, last, patience)
        last = latest(job) or before
        mine = Attempt(last.number + 1, last.seconds, this_machine(), os.getpid())
        if _create(_file(job, mine.number), _text(mine)):
            return Lease(job, mine)


def numbers(jobs: Path) -> dict[str, int]:
    """Number of the last attempt at each job of a folder that has one, by the name of the job's file without its suffix."""
    found = dict[str, int]()
    for path in jobs.iterdir() if jobs.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            found[match[1]] = max(int(match[2]), found.get(match[1], 0))
    return found


def latest(job: Path, known: Mapping[str, int] | None = None) -> Attempt | None:
    """The attempt that counts; ``None`` before the first.

    Args:
        job: file of the job.
        known: :func:`numbers` of its folder, if they were read just now.

    Raises:
        ResultsError: its file is damaged.
    """
    number = (numbers(job.parent) if known is None else known).get(job.stem)
    if number is None:
        return None
    path = _file(job, number)
    try:
        return _checked(Attempt(**json.loads(read_text(path))), number)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ResultsError(
            f"{str(path)!r} is damaged: {error}. Delete it to go on with what the attempt before it had finished."
        ) from error


def _checked(read: Attempt, number: int) -> Attempt:
    """What a file says, if it may say so."""
    kinds = {"number": int, "seconds": dict, "machine": str, "process": int, "beat": int, "ended": bool}
    if any(type(getattr(read, name)) is not kind for name, kind in kinds.items()) or not are_seconds(read.seconds):
        raise ValueError("it says something other than the attempt, its seconds and its process")
    if read.number != number or not 0 <= read.process <= MOST_PROCESSES:
        raise ValueError("it is of another attempt, or of no process")
    return read


def are_seconds(value: object) -> bool:
    """Whether these are seconds of steps by name."""
    return isinstance(value, dict) and all(type(taken) in (int, float) for taken in value.values())


def this_machine() -> str:
    """Name of this machine, distinct after each start of it and in each container."""
    parts = [platform.node() or "unknown"]
    with contextlib.suppress(OSError):
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text().strip(), os.readlink("/proc/self/ns/pid")]  # noqa: PTH115 (no file)
    return " ".join(parts)


def _wait_for_end(job: Path, last: Attempt, patience: float) -> None:
    """Return when nothing was said for a while in the name of the last attempt."""
    since, said = time.monotonic(), last
    while said.number and not said.is_over():
        time.sleep(min(1.0, patience / 5))
        now = latest(job) or last
        if now != said:
            since, said = time.monotonic(), now
        elif time.monotonic() - since >= patience:
            return


def _create(path: Path, text: str) -> bool:
    """Make a file with its content, unless it is there; whether this process has made it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    temporary.write_text(text, encoding="utf-8")
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without second names
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
    finally:
        temporary.unlink()
    return True


def _file(job: Path, number: int) -> Path:
    return job.with_name(f"{job.stem}.attempt-{number}.json")


def _text(attempt: Attempt) -> str:
    return json.dumps(asdict(attempt), indent=1) + "\n"


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
