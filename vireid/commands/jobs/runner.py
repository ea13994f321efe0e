"""Runs jobs in their order, several at once, wherever an engine starts them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vireid.commands.jobs.engine import LOST, Engine, Running
from vireid.commands.jobs.job import Job, state, states
from vireid.commands.stopping import terminable

POLL = 0.2
PATIENCE = 120.0
"""Seconds that an interrupted job has to end by itself."""

LOSSES = 3
"""Machines that a job may lose before it counts as failed."""


class Runner:
    """Runs jobs in their order. A job begins when the job that it needs is finished.

    Args:
        folder: folder of the jobs.
        jobs: all jobs, also the finished ones.
        engine: starts them.
        console: console for the progress.
        more: gives a further job when one may begin and none is left, or ``None``. It is asked again after each job that ends.
        expected: number of jobs in the end.
    """

    def __init__(
        self,
        folder: Path,
        jobs: Sequence[Job],
        engine: Engine,
        console: Console,
        more: Callable[[], Job | None] = lambda: None,
        expected: int | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.jobs = list(jobs)
        self.engine = engine
        self.console = console
        self.more = more
        self.expected = len(self.jobs) if expected is None else expected
        self.finished = {name for name, found in states(jobs, folder).items() if found.finished}
        self.failed: dict[str, str] = {}
        self.running: dict[str, Running] = {}
        self.losses: Counter[str] = Counter()
        self.began, self.before = time.monotonic(), len(self.finished)

    def run(self) -> dict[str, str]:
        """Run everything that can be run.

        Returns:
            Reasons why jobs failed or could not begin, by name of the job.
        """
        with self.engine, self._progress() as show, terminable():
            self.engine.check(self.folder)
            try:
                while True:
                    while len(self.running) < self.engine.at_once and (job := self._next()) is not None:
                        show(", ".join([*self.running, job.name]))
                        self.running[job.name] = self.engine.start(job.file(self.folder), job.log(self.folder))
                    if not self.running:
                        break
                    if not self._collect():
                        time.sleep(POLL)
                    show(", ".join(self.running))
            finally:
                self._stop()
        for job in self.jobs:
            if job.needs in self.failed:
                self.failed[job.name] = f"needs {job.needs}"
        return self.failed

    def _next(self) -> Job | None:
        ready = next(self._ready(), None)
        if ready is None and (ready := self.more()) is not None:
            self.jobs.append(ready)
        return ready

    def _ready(self) -> Iterator[Job]:
        for job in self.jobs:
            begun = job.name in self.finished or job.name in self.failed or job.name in self.running
            if not begun and (not job.needs or job.needs in self.finished):
                yield job

    def _collect(self) -> bool:
        """Whether a job has ended."""
        ended = {name: code for name, running in self.running.items() if (code := running.poll()) is not None}
        for name, code in ended.items():
            del self.running[name]
            job = next(job for job in self.jobs if job.name == name)
            if state(job, self.folder).finished:
                self.finished.add(name)
            elif code == LOST and self.losses[name] < LOSSES:
                self.losses[name] += 1  # it is ready again
            else:
                said = "its machine was lost too often" if code == LOST else f"exit code {code}"
                self.failed[name] = _last_words(job.log(self.folder), said)
        return bool(ended)

    def _stop(self) -> None:
        """Interrupt what still runs, and wait for it: a job must not go on while it is started again."""
        for running in self.running.values():
            running.stop()
        end = time.monotonic() + PATIENCE
        for running in self.running.values():
            if not running.wait(max(0.0, end - time.monotonic())):
                running.kill()

    @contextlib.contextmanager
    def _progress(self) -> Iterator[Callable[[str], None]]:
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task("", total=self.expected, completed=self.before)

            def show(current: str) -> None:
                progress.update(task, completed=len(self.finished), description=f"{self.estimate()}{current}")

            show("")
            yield show

    def estimate(self) -> str:
        """Time that the other jobs will take, estimated from the jobs of this session; empty before the first has finished."""
        done = len(self.finished) - self.before
        if not done:
            return ""
        seconds = (time.monotonic() - self.began) / done * (self.expected - len(self.finished) - len(self.failed))
        return f"about {seconds / 60:.0f} min left; " if seconds >= 60 else f"about {seconds:.0f} s left; "


def _last_words(log: Path, said: str) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'it said nothing'} ({said}; {log})"
