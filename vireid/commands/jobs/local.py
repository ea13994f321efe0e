"""Jobs in processes of this machine. A process that has finished a job takes the next: starting one costs more than many a job."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from vireid.commands.jobs.engine import Engine, Running
from vireid.errors import SettingsError


class LocalProcesses(Engine):
    """Processes of this machine. They end when this one does.

    Args:
        at_once: number of processes; each has a share of the cores.

    Raises:
        SettingsError: there is to be no process.
    """

    def __init__(self, at_once: int = 1) -> None:
        if at_once < 1:
            raise SettingsError(f"`at_once` must be at least 1, got {at_once}.")
        self.at_once = at_once
        self._idle: list[_Worker] = []

    def start(self, file: Path, log: Path) -> Running:
        worker = self._idle.pop() if self._idle else _Worker(self.at_once)
        worker.give(file, log)
        return _LocalJob(worker, self._idle)

    def close(self) -> None:
        for worker in self._idle:
            worker.dismiss()
        for worker in self._idle:
            worker.process.wait()
        self._idle.clear()


class _Worker:
    """A process that takes jobs from its standard input, which closes when this process ends, however it does."""

    def __init__(self, share: int) -> None:
        threads = str(max(1, (os.cpu_count() or 1) // share))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vireid.commands.jobs.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # a line for every job that is finished
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            start_new_session=True,  # a Ctrl-C in the terminal reaches this process, which tells its jobs
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.words, self.answers = self.process.stdin, self.process.stdout
        os.set_blocking(self.answers.fileno(), False)

    def give(self, file: Path, log: Path) -> None:
        """Let it run a job."""
        self.words.write(json.dumps([str(file), str(log)]).encode() + b"\n")
        self.words.flush()

    def dismiss(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(OSError):
            self.words.close()


class _LocalJob(Running):
    def __init__(self, worker: _Worker, idle: list[_Worker]) -> None:
        self.worker, self.idle = worker, idle
        self.code: int | None = None

    def poll(self) -> int | None:
        if self.code is None and self.worker.answers.read(1):
            self.code = 0
            self.idle.append(self.worker)
        elif self.code is None and (ended := self.worker.process.poll()) is not None:
            self.worker.dismiss()
            self.code = ended or 1  # a process that was given a job ends early only if something is wrong
        return self.code

    def stop(self) -> None:
        self.worker.dismiss()

    def kill(self) -> None:
        self.worker.process.kill()
        self.worker.process.wait()
