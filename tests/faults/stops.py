"""Processes that are killed or stopped, at any moment and in their first one."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial

from tests.faults.case import Case, Place, succeeded
from tests.faults.outcomes import check_readable, hidden
from tests.faults.points import Arm, after_cpu_seconds, at_file_change, dies_in_a_write, send
from tests.faults.processes import LIMIT, POLL, Ended

SEED = 0
TRIES = 5
KILLS = {  # at moments of the processor's time, and at changes of files
    "search": (6, 5),
    "joint": (4, 3),
    "confirmed": (4, 3),
    "workers": (2, 0),
    "retrain": (4, 4),
    "study": (5, 5),
    "synthesize": (3, 4),
    "convert": (3, 3),
    "export": (3, 3),
    "test": (2, 3),
    "predict": (2, 3),
    "report": (2, 2),
}
STOPS = {
    **dict.fromkeys(("search", "joint", "confirmed", "retrain", "synthesize", "test"), 2),
    **dict.fromkeys(("convert", "export", "predict", "report"), 1),
    "study": 3,
}
TORN = ("search", "retrain", "study", "synthesize", "convert", "test", "predict", "report")
FIRST = ("search", "retrain", "test", "predict", "study")
QUICK = {"retrain after 0", "retrain at 0", "synthesize at 0", "convert at 0", "retrain term 0", "synthesize torn 0", "retrain first 4"}


def cases() -> Iterator[Case]:
    """All of them."""
    rng = random.Random(SEED)
    for name, (moments, changes) in KILLS.items():
        for number in range(moments):
            share = rng.uniform(0.02, 0.98)
            run = partial(_killed, name=name, point=partial(_moment, name=name, number=signal.SIGKILL), share=share)
            yield Case("SIGKILL", name, f"after {share:.1%} of its time", run, f"{name} after {number}" in QUICK)
        for number in range(changes):
            share = rng.random()
            run = partial(_killed, name=name, point=partial(_change, name=name, act=send(signal.SIGKILL)), share=share)
            yield Case("SIGKILL", name, f"at {share:.1%} of its changes of files", run, f"{name} at {number}" in QUICK)
    for name, count in STOPS.items():
        for number in range(count):
            share = rng.uniform(0.05, 0.95)
            run = partial(_terminated, name=name, share=share)
            yield Case("SIGTERM", name, f"after {share:.1%} of its time", run, f"{name} term {number}" in QUICK)
    for name in TORN:
        for number in range(2):
            share, room = rng.random(), rng.randrange(1, 2000)
            run = partial(_torn, name=name, share=share, room=room)
            yield Case("dies in a write", name, f"from {share:.1%} of its changes on", run, f"{name} torn {number}" in QUICK)
    for name in FIRST:
        for change in range(1, 7):
            run = partial(_first_change, name=name, change=change)
            yield Case("first moment", name, f"before change {change} of a file", run, f"{name} first {change}" in QUICK)
    for name in ("search", "retrain", "study"):
        for _ in range(2):
            delay = rng.uniform(0, 0.6)
            yield Case("first moment", name, f"{delay:.2f} s after the folder appears", partial(_first_second, name=name, delay=delay))


def _moment(place: Place, share: float, name: str, number: int) -> Arm:
    return after_cpu_seconds(share * place.world.reference(name).cpu, number)


def _change(place: Place, share: float, name: str, act: Callable[[], None]) -> Arm:
    return at_file_change(1 + int(share * place.world.reference(name).changes), act)


def _befallen(place: Place, name: str, point: Callable[..., Arm], share: float, code: int) -> Ended:
    """Run a command until the fault ends it. If it was over before, as processors differ, an earlier moment is tried in a new folder."""
    subject = place.world.subject(name)
    place.world.reference(name)
    for number in range(TRIES):
        ended = place.run((*subject.words, *subject.go_on), point(place, share * 0.7**number))
        if ended.code == code:
            return ended
        succeeded(ended)
        place.check_equal(name)
        place.clear()
    raise AssertionError("the fault never came before the end")


def _killed(place: Place, name: str, point: Callable[..., Arm], share: float) -> None:
    _befallen(place, name, point, share, -signal.SIGKILL)
    place.check_goes_on(name)


def _torn(place: Place, name: str, share: float, room: int) -> None:
    _befallen(place, name, partial(_change, name=name, act=dies_in_a_write(room)), share, -signal.SIGXFSZ)
    place.check_goes_on(name)


def _terminated(place: Place, name: str, share: float) -> None:
    ended = _befallen(place, name, partial(_moment, name=name, number=signal.SIGTERM), share, 143)
    assert "Traceback (most recent call last)" not in ended.text, str(ended)
    assert ended.text.rstrip().endswith("Terminated."), str(ended)
    assert not (left := hidden(place.folder)), f"leaves {left}"
    place.check_goes_on(name)


def _first_change(place: Place, name: str, change: int) -> None:
    subject = place.world.subject(name)
    place.world.reference(name)
    ended = place.run(subject.words, at_file_change(change, send(signal.SIGKILL)))
    assert ended.killed, str(ended)
    _check_starts_again(place, name)


def _first_second(place: Place, name: str, delay: float) -> None:
    subject = place.world.subject(name)
    place.world.reference(name)
    running, target = place.start(subject.words), place.folder / subject.target
    end = time.monotonic() + LIMIT
    while not target.exists() and running.poll() is None and time.monotonic() < end:
        time.sleep(POLL)
    time.sleep(delay)
    running.send(signal.SIGKILL)
    ended = running.wait()
    place.cpu += ended.cpu
    assert ended.killed, str(ended)
    _check_starts_again(place, name)


def _check_starts_again(place: Place, name: str) -> None:
    """The same command starts again. Where there is a checkpoint already, it is refused and named the way to go on."""
    subject = place.world.subject(name)
    check_readable(place.folder)
    if subject.go_on and (place.folder / subject.target / "checkpoints" / "last.ckpt").exists():
        assert "--ckpt_path last" in place.check_is_refused(subject.words).text
        place.check_goes_on(name)
        return
    succeeded(place.run(subject.words))
    place.check_equal(name)
