"""One attempt at a job counts, whatever machines, clocks and dead processes do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands.jobs.test_jobs import job
from vireid.commands.jobs.attempts import Attempt, claim, latest, this_machine
from vireid.commands.jobs.job import prepare, run, state
from vireid.errors import ResultsError
from vireid.files import write_text_atomically

NONE = Attempt(0, {}, ended=True)


def other_machine(path: Path, number: int = 1, **changed: object) -> Path:
    """The file of an attempt that runs elsewhere."""
    said = replace(Attempt(number, {"touch-0": 1.0}, "elsewhere 1", 1), **changed)  # type: ignore[arg-type]
    file = path.with_name(f"{path.stem}.attempt-{number}.json")
    write_text_atomically(file, json.dumps(said.__dict__))
    return file


def test_of_many_who_claim_at_once_each_gets_a_number_of_its_own(tmp_path: Path) -> None:
    numbers: list[int] = []

    def take() -> None:
        lease = claim(tmp_path / "job.json", NONE, patience=0.0)
        numbers.append(lease.attempt.number)
        lease._write(ended=True)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 9))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_an_older_attempt_finishes_is_not_counted(tmp_path: Path) -> None:
    """The clock of the machine that wakes up is an hour off, before or behind; nothing looks at it."""
    mine = job("a", ("touch", tmp_path / "first"), ("touch", tmp_path / "second"))
    prepare(mine, tmp_path)
    path = mine.file(tmp_path)
    older = claim(path, NONE)
    older.record("touch-0", 1.0)
    os.utime(path.with_name("a.attempt-1.json"), (time.time() + 3600, time.time() + 3600))
    newer = claim(path, NONE, patience=0.0)
    with pytest.raises(ResultsError, match=r"Attempt 2 of 'a' has begun on .*, and `touch-1` of attempt 1 is not counted"):
        older.record("touch-1", 2.0)
    assert state(mine, tmp_path).seconds == {"touch-0": 1.0}
    newer.record("touch-1", 3.0)
    assert state(mine, tmp_path) == type(state(mine, tmp_path))({"touch-0": 1.0, "touch-1": 3.0}, 2, finished=True)


def test_two_machines_with_clocks_an_hour_apart_count_once(tmp_path: Path) -> None:
    """The first falls silent within a step, as a machine that is cut off does, and goes on when the second has begun."""
    mine = job("a", ("process", tmp_path / "who"), ("pause", tmp_path / "go"), ("process", tmp_path / "last"))
    prepare(mine, tmp_path)
    path = mine.file(tmp_path)
    code = (
        "import sys, time; true = time.time; time.time = lambda: true() + float(sys.argv[2])\n"
        "from pathlib import Path; from vireid.commands.jobs import attempts, job\n"
        "attempts.this_machine = lambda: f'machine{sys.argv[2]} x'\n"
        "job.run(Path(sys.argv[1]), float(sys.argv[3]), 1.0)"
    )
    start = lambda shift, beat: subprocess.Popen([sys.executable, "-c", code, str(path), shift, beat], stderr=subprocess.PIPE, text=True)  # noqa: E731
    first = start("3600", "1000")
    while not (tmp_path / "go.waits").exists():
        assert first.poll() is None
        time.sleep(0.05)
    second = start("0", "0.2")
    while (last := latest(path)) is None or last.number < 2:
        assert second.poll() is None
        time.sleep(0.05)
    (tmp_path / "go").touch()
    _, said = first.communicate(timeout=60)
    assert "of attempt 1 is not counted" in said
    assert second.wait(60) == 0
    found = state(mine, tmp_path)
    assert (found.finished, found.attempts) == (True, 2)
    assert (tmp_path / "last").read_text() == str(second.pid)


def test_a_process_that_is_gone_here_is_not_waited_for_and_a_silent_one_elsewhere_is(tmp_path: Path) -> None:
    mine = job("a", ("touch", tmp_path / "first"), ("touch", tmp_path / "second"))
    prepare(mine, tmp_path)
    path = mine.file(tmp_path)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    other_machine(path, machine=this_machine(), process=gone.pid)
    run(path, patience=1000.0)
    assert not (tmp_path / "first").exists()
    assert (state(mine, tmp_path).finished, state(mine, tmp_path).attempts) == (True, 2)

    beating = other_machine(path, 3)
    stop = threading.Event()

    def beat() -> None:
        number = 0
        while not stop.wait(0.1):
            number += 1
            other_machine(path, 3, beat=number)

    thread = threading.Thread(target=beat)
    thread.start()
    began = time.monotonic()
    threading.Timer(1.5, stop.set).start()
    lease = claim(path, NONE, patience=0.5)
    assert time.monotonic() - began >= 1.5
    assert lease.attempt.number == 4
    thread.join()
    assert beating.exists()


def test_a_process_ends_when_a_later_attempt_begins(tmp_path: Path) -> None:
    waiting = job("a", ("wait", tmp_path / "begun"))
    prepare(waiting, tmp_path)
    path = waiting.file(tmp_path)
    code = "import sys; from pathlib import Path; from vireid.commands.jobs import job; job.run(Path(sys.argv[1]), 0.1)"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stderr=subprocess.DEVNULL)
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    other_machine(path, 2)
    assert process.wait(30) != 0


def test_an_attempt_that_is_damaged(tmp_path: Path) -> None:
    mine = job("a", ("touch", tmp_path / "x"))
    prepare(mine, tmp_path)
    whole = {"number": 1, "seconds": {}, "machine": "a", "process": 1, "beat": 0, "ended": True}
    wrong: list[dict[str, object]] = [{"seconds": {"fit": "x"}}, {"seconds": []}, {"number": 2}, {"process": 10**30}, {"beat": None}]
    for text in ("{", '{"number": 1}', "[]", *(json.dumps(whole | one) for one in wrong)):
        mine.file(tmp_path).with_name("a.attempt-1.json").write_text(text)
        with pytest.raises(ResultsError, match=r"a\.attempt-1\.json' is damaged"):
            state(mine, tmp_path)
