"""A file that somebody hands over, and what became of reading it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

READ, REFUSED = 0, 2
"""Exit codes that may be right: the file was read, or it was refused in a sentence."""

Words = tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """What a case may take.

    Attributes:
        memory: bytes beyond what the package takes.
        seconds: of the processor.
        waiting: seconds after which a process that only waits for something is ended.
    """

    memory: int = 2 << 30
    seconds: int = 10
    waiting: int = 5


@dataclass(frozen=True)
class Case:
    """One file, or a few that belong together.

    Attributes:
        entry: by what the file gets in: ``checkpoint``, ``genotype``, ``list``, ...
        name: what is wrong with it.
        write: writes the file into a new folder. The second folder holds good files, see :mod:`tests.trust.good`.
        run: words of the command that reads it in that folder, or a reader of the package.
        codes: exit codes that are right.
        valid: whether nothing is wrong: it is the twin of hostile files, and must be read.
        shows: text that must be printed as it stands.
        limits: what it may take.
    """

    entry: str
    name: str
    write: Callable[[Path, Path], object]
    run: Words | Callable[[], object]
    codes: tuple[int, ...] = (REFUSED,)
    valid: bool = False
    shows: str = ""
    limits: Limits = Limits()

    @property
    def title(self) -> str:
        return f"{self.entry}: {self.name}"


def twin(entry: str, name: str, write: Callable[[Path, Path], object], run: Words | Callable[[], object], **more: object) -> Case:
    """A file that must be read."""
    return Case(entry, name, write, run, (READ,), valid=True, **more)  # type: ignore[arg-type]


@dataclass
class Verdict:
    """What became of a case.

    Attributes:
        code: exit code; ``None`` if the process did not come to one.
        faults: what must not happen, each with its kind before a colon.
        seconds: of the processor.
        output: what was printed.
    """

    title: str
    entry: str
    valid: bool
    code: int | None = None
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""

    def kinds(self) -> set[str]:
        """Kinds of the faults."""
        return {fault.partition(":")[0] for fault in self.faults}
