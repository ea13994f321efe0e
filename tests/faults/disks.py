"""Disks that are full, and writes that fail."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.faults.case import Case, Place, succeeded, told
from tests.faults.mounts import larger_disk, small_disk
from tests.faults.outcomes import check_readable, hidden
from tests.faults.points import at_file_change, writes_fail

SEED = 1
TRIES = 5
FULL = {"search": 4, "retrain": 4, "confirmed": 2, "study": 4, "synthesize": 2, "convert": 2, "export": 2, "test": 2, "predict": 2}
FAILING = {**FULL, "joint": 2}
QUICK = {"synthesize 0"}
ROOM = 1 << 30


def cases() -> Iterator[Case]:
    """All of them."""
    rng = random.Random(SEED)
    for name, count in FULL.items():
        for number in range(count):
            share = (number + rng.random()) / (count + 0.5)
            yield Case("full disk", name, f"of {share:.1%} of what it needs", partial(_full, name=name, share=share), isolated=True)
    for name, count in FAILING.items():
        for number in range(count):
            share, room = rng.random(), rng.randrange(0, 200)
            run = partial(_failing, name=name, share=share, room=room)
            yield Case("failing write", name, f"from {share:.1%} of its changes on", run, f"{name} {number}" in QUICK)


def _full(place: Place, name: str, share: float) -> None:
    subject = place.world.subject(name)
    needed = sum(_blocks(path) for path in (place.world.folder / f"undisturbed-{name}").rglob("*"))
    for number in range(TRIES):
        place.folder = place.folder / f"disk{number}"
        place.folder.mkdir()
        small_disk(place.folder, max(4096, int(needed * share * 0.7**number)))
        ended = place.run((*subject.words, *subject.go_on))
        if ended.code:
            break
        place.check_equal(name)
    told(ended)
    assert not (left := hidden(place.folder)), f"leaves {left}"
    larger_disk(place.folder, ROOM)
    place.check_goes_on(name)


def _blocks(path: Path) -> int:
    return 4096 * -(-path.stat().st_size // 4096)


def _failing(place: Place, name: str, share: float, room: int) -> None:
    subject = place.world.subject(name)
    changes = place.world.reference(name).changes
    for number in range(TRIES):
        at = 1 + int(share * 0.7**number * changes)
        ended = place.run((*subject.words, *subject.go_on), at_file_change(at, writes_fail(room)))
        if ended.code:
            told(ended)
            check_readable(place.folder)
            assert not (left := hidden(place.folder)), f"leaves {left}"
            place.check_goes_on(name)
            return
        succeeded(ended)
        place.check_equal(name)
        place.clear()
    raise AssertionError("no write failed before the end")
