"""Files of jobs, and jobs that run in processes of their own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from vireid.commands.jobs.engines import engine_for
from vireid.commands.jobs.here import Here
from vireid.commands.jobs.job import Job, Step, differences, prepare, read, run, state
from vireid.commands.jobs.local import LocalProcesses
from vireid.commands.jobs.runner import Runner
from vireid.commands.stopping import Terminated
from vireid.errors import ResultsError, SettingsError

STEPS = "tests.commands.jobs.step"


def job(name: str, *commands: tuple[str, object], needs: str = "", clear: str = "", **settings: Any) -> Job:
    steps = (Step(f"{what}-{i}", STEPS, (what, str(word)), clear) for i, (what, word) in enumerate(commands))
    return Job(name, tuple(steps), settings, needs)


def quiet() -> Console:
    return Console(file=io.StringIO())


def test_finished_steps_are_not_run_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    broken = job("a/b", ("touch", first), ("fail", 3), ("touch", second))
    assert not prepare(broken, tmp_path).finished
    with pytest.raises(ResultsError, match=r"`fail-1` of 'a/b' ended with exit code 3"):
        run(broken.file(tmp_path))
    assert list(state(broken, tmp_path).seconds) == ["touch-0"]
    mended = Job("a/b", (broken.steps[0], Step("fail-1", STEPS, ("fail", "0")), broken.steps[2]), {})
    assert not prepare(mended, tmp_path).finished
    run(mended.file(tmp_path))
    assert prepare(mended, tmp_path).finished
    assert state(mended, tmp_path).attempts == 2
    assert (first.read_text(), second.read_text()) == ("x", "x")


@pytest.mark.parametrize("code", [0, 2])
def test_a_command_that_left_is_not_finished(code: int, tmp_path: Path) -> None:
    left = job("a", ("exit", code))
    prepare(left, tmp_path)
    with pytest.raises(ResultsError, match=f"`exit-0` of 'a' left with exit code {code} before it was finished"):
        run(left.file(tmp_path))
    assert state(left, tmp_path).seconds == {}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_job_that_is_terminated_is_not_finished(workers: int, tmp_path: Path) -> None:
    stopped = job("a", ("terminate", ""), ("touch", tmp_path / "no"))
    prepare(stopped, tmp_path)
    runner = Runner(tmp_path, [stopped], engine_for(workers, None), quiet())
    if workers:
        assert "The job was stopped. (exit code 143;" in runner.run()["a"]
    else:
        with pytest.raises(Terminated):
            runner.run()
    assert state(stopped, tmp_path).seconds == {}
    assert not (tmp_path / "no").exists()


def test_what_an_interrupted_step_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "test-1").mkdir()
    (tmp_path / "test-1" / "old").touch()
    cleared = job("a", ("fail", 0), clear=str(tmp_path / "test-1"))
    prepare(cleared, tmp_path)
    run(cleared.file(tmp_path))
    assert not (tmp_path / "test-1").exists()


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    prepare(job("a", recipe={"epochs": 2, "steps": 3}, seed=0), tmp_path)
    prepare(job("a", recipe={"steps": 3, "epochs": 2}, seed=0), tmp_path)  # the order of keys says nothing
    with pytest.raises(SettingsError, match=r"'a' of .* other settings: `recipe\.epochs` was 2, is now 5; `seed` was 0, is now absent"):
        prepare(job("a", recipe={"epochs": 5, "steps": 3}), tmp_path)


def test_differences_are_found_at_any_depth() -> None:
    assert differences({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"b": 1, "c": [2]}, "e": 3}) == [
        *(("a.c.0", 1, 2), ("d", 2, "absent"), ("e", "absent", 3))
    ]
    assert differences({"a": (1, 2), "b": 1}, {"a": [1, 2], "b": True}) == [("b", 1, True)]


def test_a_new_option_that_is_off_is_no_difference(tmp_path: Path) -> None:
    """A study that an older vireid began goes on."""
    old = {"model": {"lr": 0.1, "losses": [{"class_path": "a"}]}}
    new = {"model": {"lr": 0.1, "losses": [{"class_path": "a", "fused": False}], "compile": False}, "tf32": None}
    assert differences(old, new) == differences(new, old) == []
    prepare(job("a", recipe=old), tmp_path)
    prepare(job("a", recipe=new), tmp_path)
    with pytest.raises(SettingsError, match=r"`recipe\.tf32` was absent, is now True"):
        prepare(job("a", recipe={**old, "tf32": True}), tmp_path)
    assert differences({"a": None}, {"a": False}) == [("a", None, False)]


OURS = '{"format": "vireid.study.job", "version": 1}'


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is damaged"), ("{}", "is no job of a study by this vireid"), ("[]", "is no job"), (OURS, "is damaged: it lacks what a job is")],
)
def test_files_that_are_no_jobs(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ResultsError, match=message):
        read(tmp_path / "x.json")


@pytest.mark.parametrize("workers", [0, 2])
def test_jobs_run_after_what_they_need(workers: int, tmp_path: Path) -> None:
    jobs = [job("later", ("touch", tmp_path / "later"), needs="first"), job("first", ("touch", tmp_path / "first"))]
    for each in jobs:
        prepare(each, tmp_path)
    assert Runner(tmp_path, jobs, engine_for(workers, None), quiet()).run() == {}
    assert (tmp_path / "first").stat().st_mtime_ns < (tmp_path / "later").stat().st_mtime_ns
    assert Runner(tmp_path, jobs, engine_for(workers, None), quiet()).run() == {}  # nothing is left to do
    assert (tmp_path / "first").read_text() == "x"


def test_a_crash_costs_the_job_and_what_needs_it_alone(tmp_path: Path) -> None:
    jobs = [
        job("bad", ("crash", "no such thing")),
        job("needs", ("touch", tmp_path / "no"), needs="bad"),
        job("good", ("touch", tmp_path / "yes")),
    ]
    for each in jobs:
        prepare(each, tmp_path)
    failed = Runner(tmp_path, jobs, LocalProcesses(2), quiet()).run()
    assert set(failed) == {"bad", "needs"}
    assert "RuntimeError: no such thing (exit code 1;" in failed["bad"]
    assert failed["needs"] == "needs bad"
    assert (tmp_path / "yes").exists()
    assert not (tmp_path / "no").exists()


def test_a_process_takes_one_job_after_the_other_until_one_fails(tmp_path: Path) -> None:
    jobs = [job(name, ("process", tmp_path / name)) for name in "abd"]
    jobs.insert(2, job("c", ("fail", 3)))
    for each in jobs:
        prepare(each, tmp_path)
    failed = Runner(tmp_path, jobs, LocalProcesses(1), quiet()).run()
    assert "`fail-0` of 'c' ended with exit code 3. (exit code 2;" in failed["c"]
    a, b, d = ((tmp_path / name).read_text() for name in "abd")
    assert a == b != d
    for name in "abd":
        assert f"working on {name}" in jobs["abcd".index(name)].log(tmp_path).read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_jobs_end_and_stay_unfinished(number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = job("slow", ("wait", tmp_path / "begun"))
    prepare(waiting, tmp_path)
    runner = Runner(tmp_path, [waiting], LocalProcesses(1), quiet())
    collect = runner._collect

    def interrupted() -> bool:
        if (tmp_path / "begun").exists():
            os.kill(os.getpid(), number)
        return collect()

    monkeypatch.setattr(runner, "_collect", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.run()
    finally:
        signal.signal(signal.SIGINT, inherited)
    assert signal.getsignal(signal.SIGTERM) is before
    (running,) = runner.running.values()
    assert running.poll() not in (None, 0)
    assert not state(waiting, tmp_path).finished


def test_jobs_do_not_outlive_a_study_that_is_killed(tmp_path: Path) -> None:
    waiting = job("slow", ("wait", tmp_path / "begun"))
    prepare(waiting, tmp_path)
    reading, writing = os.pipe()
    words = [sys.executable, "-m", "vireid.commands.jobs.child", str(waiting.file(tmp_path))]
    child = subprocess.Popen(words, stdin=reading, stderr=subprocess.DEVNULL)
    os.close(reading)
    while not (tmp_path / "begun").exists():
        assert child.poll() is None
        time.sleep(0.05)
    os.close(writing)  # as the system does for a process that was killed
    assert child.wait(30) != 0
    assert not state(waiting, tmp_path).finished


def test_the_rest_is_estimated_by_what_was_done(tmp_path: Path) -> None:
    jobs = [job(name, ("fail", 0)) for name in "abcd"]
    runner = Runner(tmp_path, jobs, Here(), quiet())
    assert runner.estimate() == ""
    runner.began, runner.finished = time.monotonic() - 30, {"a"}
    assert runner.estimate() == "about 2 min left; "
    runner.finished = {"a", "b", "c"}
    assert runner.estimate() == "about 10 s left; "
