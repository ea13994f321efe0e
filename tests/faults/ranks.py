"""Trainings on two processes (gloo), of which one is killed, held or told to end."""

from __future__ import annotations

import json
import random
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial

from tests.faults.case import Case, Place, succeeded
from tests.faults.outcomes import assert_equal, check_readable, hidden, of_run
from tests.faults.points import Arm, at_training_step, send
from tests.faults.processes import POLL, Running

SEED = 2
RANKS = 2
TIMEOUT = 20
"""Seconds after which a process gives up one that does not answer."""
AFTER_DEATH = 30.0
AFTER_STOP = TIMEOUT + 30.0
"""Seconds in which the other process must have ended; in the second, those in which Python and torch end are included."""
STEPS = 8
NAMES = ("search", "retrain")
SPLITS = {"search": "image", "retrain": "none"}  # with enough people for two processes


def cases() -> Iterator[Case]:
    """All of them."""
    rng = random.Random(SEED)
    for name in NAMES:
        for rank in range(RANKS):
            for kind, number in (("rank killed", signal.SIGKILL), ("rank stopped", signal.SIGSTOP)):
                step = rng.randrange(1, STEPS)
                run = partial(_befallen, name=name, rank=rank, number=number, step=step)
                yield Case(kind, f"{name} x 2", f"rank {rank} before step {step}", run)
        for step in rng.sample(range(1, STEPS), 2):
            yield Case("ranks terminated", f"{name} x 2", f"before step {step}", partial(_terminated, name=name, step=step))


def _terminated(place: Place, name: str, step: int) -> None:
    """Both are told to end, as a launcher does, at the same time but not at the same place."""
    wanted = _undisturbed(place, name)
    ranks = _start(place, name, 0, at_training_step(step, send(signal.SIGSTOP)))
    while not ranks[0].is_stopped() and ranks[0].poll() is None:
        time.sleep(POLL)
    for running in ranks:
        running.send(signal.SIGTERM)
    ranks[0].send(signal.SIGCONT)
    ended = [running.wait(AFTER_DEATH) for running in ranks]
    place.cpu += sum(each.cpu for each in ended)
    assert [each.code for each in ended] == [143] * RANKS, " // ".join(map(str, ended))
    _check_goes_on(place, name, wanted)


def _check_goes_on(place: Place, name: str, wanted: object) -> None:
    check_readable(place.folder)
    ended = [running.wait() for running in _start(place, name)]
    place.cpu += sum(each.cpu for each in ended)
    for each in ended:
        succeeded(each)
    assert_equal(of_run(place.folder / "out"), wanted, name)
    assert not (left := hidden(place.folder)), f"leaves {left}"


def _start(place: Place, name: str, struck: int = -1, arm: Arm | None = None) -> list[Running]:
    subject = place.world.subject(name)
    layer = place.folder / "ranks.json"
    strategy = {"class_path": "pytorch_lightning.strategies.DDPStrategy", "init_args": {"timeout": f"0:00:{TIMEOUT}"}}
    layer.write_text(
        json.dumps({"trainer": {"devices": RANKS, "strategy": strategy}, "data": {"init_args": {"search_split": SPLITS[name]}}})
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (*subject.words, "-c", str(layer), *subject.go_on)
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(RANKS), "LOCAL_WORLD_SIZE": str(RANKS)}
    shared |= {"TORCHELASTIC_RUN_ID": "none", "GROUP_RANK": "0", "TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_MAX_RESTARTS": "0"}
    each = [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(RANKS)]
    return [place.start(words, *([arm] if arm and rank == struck else []), environment=each[rank]) for rank in range(RANKS)]


def _undisturbed(place: Place, name: str) -> object:
    """What two processes leave that nothing befalls; they run once."""
    key = f"{name} x {RANKS}"
    if key not in place.world.outcomes:
        alone = Place(place.world, f"undisturbed-{name}-ranks")
        for running in _start(alone, name):
            succeeded(running.wait())
        place.world.outcomes[key] = of_run(alone.folder / "out")
    return place.world.outcomes[key]


def _befallen(place: Place, name: str, rank: int, number: int, step: int) -> None:
    wanted = _undisturbed(place, name)
    ranks = _start(place, name, rank, at_training_step(step, send(number)))
    struck, other = ranks[rank], ranks[1 - rank]
    while struck.poll() is None and not struck.is_stopped():
        time.sleep(POLL)
    ended = other.wait(AFTER_STOP if number == signal.SIGSTOP else AFTER_DEATH)
    assert ended.code > 0, str(ended)
    struck.end()
    place.cpu += sum(running.wait().cpu for running in ranks)
    _check_goes_on(place, name, wanted)
