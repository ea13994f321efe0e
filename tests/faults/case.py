"""A fault that befalls a command, and the place where it is tried."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any

from tests.faults.outcomes import assert_equal, check_readable, hidden, logged, of_files
from tests.faults.points import Arm, count_file_changes
from tests.faults.processes import LIMIT, Absent, Ended, Running, in_a_fork
from tests.faults.subjects import NAMES, READ_A_RUN, Subject, make_run, subjects

MOST_LINES = 6
"""Lines of a message."""
LOCK = "lock"
"""How names of locks end. That of a process which was killed bars nobody, and the next one that takes it removes it."""


@dataclass(frozen=True)
class Reference:
    """An undisturbed run.

    Attributes:
        outcome: what it left.
        cpu: its seconds of the processor.
        changes: how often it changed a file.
    """

    outcome: Any
    cpu: float
    changes: int


class World:
    """What all cases share.

    Args:
        folder: empty folder, with ``good`` in it, see :func:`~tests.faults.subjects.make_good`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.good = folder / "good"
        self.subjects = subjects(self.good)
        self.outcomes: dict[str, Any] = {}  # of undisturbed runs of other kinds, by name
        self._references: dict[str, Reference] = {}

    def subject(self, name: str) -> Subject:
        """A command.

        Raises:
            Absent: its packages are not installed.
        """
        if name not in NAMES:
            raise KeyError(name)
        if name not in self.subjects:
            raise Absent(f"packages of {name} are not installed")
        return self.subjects[name]

    def reference(self, name: str) -> Reference:
        """The undisturbed run of a command, which is run once.

        Raises:
            AssertionError: it fails.
        """
        if name not in self._references:
            subject = self.subject(name)
            if name in READ_A_RUN and not (self.good / "run").exists() and (said := in_a_fork(lambda: make_run(self.good))):
                raise RuntimeError(f"The run cannot be written: {said}")
            place = Place(self, f"undisturbed-{name}")
            memory = mmap(-1, 16)
            ended = place.run(subject.words, count_file_changes(memory))
            succeeded(ended)
            check_readable(place.folder)
            assert not hidden(place.folder), "an undisturbed run leaves hidden files"
            changes = int.from_bytes(memory[:4], "little")
            self._references[name] = Reference(subject.outcome(place.folder / subject.target), ended.cpu, changes)
        return self._references[name]


class Place:
    """Folder of one case, and what runs in it.

    Attributes:
        folder: the folder.
        cpu: seconds of the processor that its commands took.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.folder = world.folder / name
        self.folder.mkdir(exist_ok=True)
        self.cpu = 0.0
        self.started: list[Running] = []

    def start(self, words: tuple[str, ...], *arms: Arm, environment: Mapping[str, str] | None = None) -> Running:
        """Start a command in the folder."""
        self.started.append(Running(words, self.folder, arms, environment))
        return self.started[-1]

    def run(self, words: tuple[str, ...], *arms: Arm, limit: float = LIMIT) -> Ended:
        """Run a command to its end.

        Raises:
            AssertionError: it hangs.
        """
        ended = self.start(words, *arms).wait(limit)
        self.cpu += ended.cpu
        return ended

    def clear(self) -> None:
        """Begin anew with an empty folder."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()

    def close(self) -> None:
        """End what still runs."""
        for running in self.started:
            running.end()

    # --- what must hold after a fault -----------------------------------------------------------------------------------------------

    def check_goes_on(self, name: str) -> None:
        """Check that files are whole after a fault, and that the command ends as if there had been none.

        Raises:
            AssertionError: it does not.
        """
        subject = self.world.subject(name)
        check_readable(self.folder)
        before = logged(self.folder / subject.target)
        if subject.refuses_what_is_done and self.is_done(subject):
            self.check_is_refused(subject.words)
            free_locks(self.folder)
            if not (self.folder / subject.target / subject.last).exists():  # a part of the results: the others come in another folder
                shutil.rmtree(self.folder / subject.target)
                succeeded(self.run(subject.words))
        else:
            succeeded(self.run((*subject.words, *subject.go_on)))
        self.check_equal(name)
        after = logged(self.folder / subject.target)
        assert all(row in after for row in before), "rows of metrics.csv are lost"

    def check_equal(self, name: str) -> None:
        """Check that the target is that of an undisturbed run, and nothing else is left.

        Raises:
            AssertionError: it is not.
        """
        subject = self.world.subject(name)
        check_readable(self.folder)
        assert_equal(subject.outcome(self.folder / subject.target), self.world.reference(name).outcome, name)
        assert not (left := hidden(self.folder)), f"leaves {left}"

    def check_is_refused(self, words: tuple[str, ...]) -> Ended:
        """Check that a command is refused in a sentence, and changes nothing.

        Raises:
            AssertionError: it is not.
        """
        before = self._files()
        ended = self.run(words)
        refused(ended)
        assert self._files() == before, "a command that was refused changed files"
        return ended

    def _files(self) -> dict[str, bytes]:
        return {name: content for name, content in of_files(self.folder).items() if not name.endswith(LOCK)}

    def is_done(self, subject: Subject) -> bool:
        """Whether a command has finished its target."""
        path = self.folder / subject.target
        if subject.name in ("test", "predict"):
            return any((path / name).exists() for name in ("metrics.json", "embeddings.npz"))
        return path.exists() and (path.is_file() or any(path.iterdir()))


def free_locks(folder: Path) -> None:
    """Remove the locks of processes that are no more."""
    for path in folder.rglob(f".*{LOCK}"):
        path.unlink()


def succeeded(ended: Ended) -> None:
    """Check that a command ended well.

    Raises:
        AssertionError: it did not.
    """
    assert ended.code == 0, str(ended)


def refused(ended: Ended, code: int = 2) -> None:
    """Check that a command ended in a sentence.

    Raises:
        AssertionError: it ended in another way.
    """
    told(ended)
    assert ended.code == code, str(ended)


def told(ended: Ended) -> None:
    """Check that a command that failed says why in a sentence.

    Raises:
        AssertionError: it did not fail, or shows a traceback.
    """
    assert ended.code > 0, str(ended)
    assert "Traceback (most recent call last)" not in ended.text, str(ended)
    found = ended.text.split("vireid: error: ")
    assert len(found) == 2, str(ended)
    assert len(found[1].strip().splitlines()) <= MOST_LINES, str(ended)


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        kind: of the fault, such as ``SIGKILL``.
        subject: the command.
        name: what tells it from others of its kind.
        run: tries it.
        quick: whether it is in the part that all tests run.
        isolated: whether it mounts, so that it needs a process of its own with its own mounts.
    """

    kind: str
    subject: str
    name: str
    run: Callable[[Place], object]
    quick: bool = False
    isolated: bool = False

    @property
    def title(self) -> str:
        return f"{self.kind}: {self.subject}, {self.name}"


@dataclass
class Verdict:
    """What became of a case.

    Attributes:
        kind, subject, title: of the case.
        fault: what is wrong; empty if nothing is.
        skipped: why it was not tried; empty if it was.
        cpu: seconds of the processor.
    """

    kind: str
    subject: str
    title: str
    fault: str = ""
    skipped: str = ""
    cpu: float = 0.0
