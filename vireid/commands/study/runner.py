"""Runs the jobs of a study, several at once, each in a process of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vireid.commands.stopping import terminable
from vireid.commands.study.jobs import Job, run, state

POLL = 0.2
PATIENCE = 120.0
"""Seconds that an interrupted job has to end by itself."""


class Runner:
    """Runs jobs in their order. A job begins when the job that it needs is finished.

    Args:
        folder: folder of the study.
        jobs: all jobs, also the finished ones.
        workers: number of jobs at once; 0 runs one after another in this process.
        console: console for the progress.
    """

    def __init__(self, folder: Path, jobs: Sequence[Job], workers: int, console: Console) -> None:
        self.folder = folder
        self.jobs = jobs
        self.workers = workers
        self.console = console
        self.finished = {job.name for job in jobs if state(job, folder).finished}
        self.failed: dict[str, str] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.began, self.before = time.monotonic(), len(self.finished)

    def run(self) -> dict[str, str]:
        """Run everything that can be run.

        Returns:
            Reasons why jobs failed or could not begin, by name of the job.
        """
        with self._progress() as show:
            if self.workers == 0:
                self._run_here(show)
            else:
                with terminable():
                    self._run_processes(show)
        for job in self.jobs:
            if job.needs in self.failed:
                self.failed[job.name] = f"needs {job.needs}"
        return self.failed

    def _ready(self) -> Iterator[Job]:
        for job in self.jobs:
            begun = job.name in self.finished or job.name in self.failed or job.name in self.running
            if not begun and (not job.needs or job.needs in self.finished):
                yield job

    # --- in this process ------------------------------------------------------------------------------------------------------------

    def _run_here(self, show: Callable[[str], None]) -> None:
        while (job := next(self._ready(), None)) is not None:
            show(job.name)
            with job.log(self.folder).open("a", encoding="utf-8") as log, _said_to(log):
                run(job.file(self.folder))
            self.finished.add(job.name)
        show("")

    # --- in processes of their own --------------------------------------------------------------------------------------------------

    def _run_processes(self, show: Callable[[str], None]) -> None:
        try:
            while True:
                for job in self._ready():
                    if len(self.running) >= self.workers:
                        break
                    self.running[job.name] = self._start(job)
                if not self.running:
                    break
                show(", ".join(self.running))
                time.sleep(POLL)
                self._collect()
            show("")
        finally:
            self._stop()

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        threads = str(max(1, (os.cpu_count() or 1) // self.workers))
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        with job.log(self.folder).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "vireid.commands.study.child", str(job.file(self.folder))],
                stdin=subprocess.PIPE,  # closes when this process ends, however it does
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # a Ctrl-C in the terminal reaches the study, which tells its jobs
            )

    def _collect(self) -> None:
        for name, process in list(self.running.items()):
            if process.poll() is None:
                continue
            del self.running[name]
            _close(process)
            job = next(job for job in self.jobs if job.name == name)
            if process.returncode == 0 and state(job, self.folder).finished:
                self.finished.add(name)
            else:
                self.failed[name] = _last_words(job.log(self.folder), process.returncode)

    def _stop(self) -> None:
        """Interrupt what still runs, and wait for it: a job must not go on while the study is started again."""
        for process in self.running.values():
            _close(process)
        end = time.monotonic() + PATIENCE
        for process in self.running.values():
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # --- progress -------------------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _progress(self) -> Iterator[Callable[[str], None]]:
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task("", total=len(self.jobs), completed=self.before)

            def show(current: str) -> None:
                progress.update(task, completed=len(self.finished), description=f"{self.estimate()}{current}")

            show("")
            yield show

    def estimate(self) -> str:
        """Time that the other jobs will take, estimated from the jobs of this session; empty before the first has finished."""
        done = len(self.finished) - self.before
        if not done:
            return ""
        seconds = (time.monotonic() - self.began) / done * (len(self.jobs) - len(self.finished) - len(self.failed))
        return f"about {seconds / 60:.0f} min left; " if seconds >= 60 else f"about {seconds:.0f} s left; "


@contextlib.contextmanager
def _said_to(log: TextIO) -> Iterator[None]:
    """What commands of this process say goes to ``log``, Lightning's messages of information go nowhere."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.fabric", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _close(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()


def _last_words(log: Path, code: int) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'it said nothing'} (exit code {code}; {log})"
