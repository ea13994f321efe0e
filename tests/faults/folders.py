"""Folders that cannot be written, or that two processes want; clocks that go back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial

from tests.faults.case import Case, Place, refused, succeeded
from tests.faults.mounts import read_only, writable_again
from tests.faults.outcomes import check_readable
from tests.faults.points import YEAR, at_file_change, clock_goes_back, send
from tests.faults.processes import LIMIT, POLL, Running
from tests.faults.subjects import NAMES

LOCKED = ("search", "joint", "retrain", "study", "test", "predict")
"""Commands that write into a folder for long, of which the second is refused. The others write beside it, and only one is in time."""
WHOLE = ("synthesize", "convert", "export")
CLOCKS = ("search", "retrain", "study", "test", "synthesize")


def cases() -> Iterator[Case]:
    """All of them."""
    root = os.geteuid() == 0  # whom permissions do not stop
    for name in (name for name in NAMES if name != "workers"):
        yield Case("read-only folder", name, "at its begin", partial(_read_only, name=name), isolated=root)
    for name in ("search", "retrain", "study"):
        yield Case("read-only folder", name, "when it goes on", partial(_read_only_later, name=name), isolated=root)
    for name in LOCKED:
        yield Case("two processes", name, "one is refused", partial(_second_refused, name=name), name == "retrain")
    for name in ("search", "study"):
        yield Case("two processes", name, "the first was killed", partial(_second_after_kill, name=name))
    for name in WHOLE:
        yield Case("two processes", name, "one is in time", partial(_both_write, name=name))
    for name in CLOCKS:
        yield Case("clock set back", name, "by a year", partial(_earlier, name=name))


# --- read-only ----------------------------------------------------------------------------------------------------------------------


def _read_only(place: Place, name: str) -> None:
    with _Unwritable(place):
        refused(place.run((*place.world.subject(name).words, *place.world.subject(name).go_on)))
    assert not list(place.folder.iterdir())
    place.check_goes_on(name)


def _read_only_later(place: Place, name: str) -> None:
    _half(place, name)
    subject = place.world.subject(name)
    with _Unwritable(place):
        place.check_is_refused((*subject.words, *subject.go_on))
    place.check_goes_on(name)


class _Unwritable:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.folders = [place.folder, *(path for path in place.folder.rglob("*") if path.is_dir())]

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            read_only(self.place.folder)
            return
        for folder in self.folders:
            folder.chmod(0o555)

    def __exit__(self, *args: object) -> None:
        if os.geteuid() == 0:
            writable_again(self.place.folder)
            return
        for folder in self.folders:
            folder.chmod(0o755)


# --- two processes ------------------------------------------------------------------------------------------------------------------


def _second_refused(place: Place, name: str) -> None:
    subject = place.world.subject(name)
    first = _stopped(place, name, 0.5)
    check_readable(place.folder)
    assert "is in use" in place.check_is_refused((*subject.words, *subject.go_on)).text
    first.send(signal.SIGCONT)
    succeeded(first.wait())
    place.check_equal(name)


def _second_after_kill(place: Place, name: str) -> None:
    first = _stopped(place, name, 0.5)
    first.send(signal.SIGKILL)
    first.wait()
    place.check_goes_on(name)


def _both_write(place: Place, name: str) -> None:
    """The first stops in the middle, the second finishes, and the first goes on: what is there is whole."""
    subject = place.world.subject(name)
    first = _stopped(place, name, 0.5)
    second = place.run(subject.words)
    first.send(signal.SIGCONT)
    ended = first.wait()
    codes = sorted((ended.code, second.code))
    assert codes in ([0, 0], [0, 2]), f"{ended} // {second}"
    for each in (ended, second):
        if each.code:
            refused(each)
    place.check_equal(name)


def _stopped(place: Place, name: str, share: float) -> Running:
    """A command that was stopped at a change of a file."""
    subject = place.world.subject(name)
    at = 1 + round(share * place.world.reference(name).changes)
    running = place.start((*subject.words, *subject.go_on), at_file_change(at, send(signal.SIGSTOP)))
    end = time.monotonic() + LIMIT
    while running.poll() is None and not running.is_stopped():
        assert time.monotonic() < end, "it was not stopped"
        time.sleep(POLL)
    assert running.poll() is None, str(running.poll())
    return running


# --- clocks -------------------------------------------------------------------------------------------------------------------------


def _earlier(place: Place, name: str) -> None:
    """The clock goes back in the middle of a command and stays there, so that files which the next finds are of the future."""
    _half(place, name, clock_goes_back())
    future = time.time() + YEAR
    for path in place.folder.rglob("*"):
        os.utime(path, (future, future))
    place.check_goes_on(name)


def _half(place: Place, name: str, *acts: object) -> None:
    """Run a command to its middle, where it is killed."""
    subject = place.world.subject(name)
    changes = place.world.reference(name).changes
    arms = [at_file_change(max(1, changes // 4), act) for act in acts]  # type: ignore[arg-type]
    ended = place.run((*subject.words, *subject.go_on), *arms, at_file_change(changes // 2, send(signal.SIGKILL)))
    assert ended.killed, str(ended)
