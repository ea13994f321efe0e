"""Jobs in the queue of SLURM, through submitit."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Literal, get_args

from vireid.commands.jobs.engine import LOST, Engine, Running
from vireid.commands.jobs.remote import look, run_job
from vireid.commands.jobs.shared_folder import check_shared
from vireid.commands.jobs.slurm_queue import SlurmQueue
from vireid.errors import SettingsError
from vireid.printable import printable

Queue = Literal["slurm", "local"]
PATIENCE = 15.0
"""Seconds that a network's file system may take to show the result of a job that has left the queue."""

ERROR = re.compile(r"(\w+\.)*\w*(Error|Exception): ")

MOST_NOTICE = 90
"""Seconds before the end of its time in which a job is put back into the queue, at most."""


class SlurmCluster(Engine):
    """SLURM. A job whose time is over, or whose machine is gone, goes on from its last checkpoint when it is started again.

    Args:
        minutes: time that a job may take before it is put back into the queue.
        cpus: cores of a job.
        gpus: GPUs of a job.
        memory: memory of a job in gigabytes; null for what the cluster gives.
        partition: where jobs are queued; null for the cluster's default.
        at_once: jobs that are in the queue at once.
        queue: ``slurm``, or ``local`` for processes of this machine, to try the same path.

    Raises:
        SettingsError: a number is out of range.
    """

    def __init__(
        self,
        minutes: int = 720,
        cpus: int = 1,
        gpus: int = 0,
        memory: float | None = None,
        partition: str | None = None,
        at_once: int = 1000,
        queue: Queue = "slurm",
    ) -> None:
        for name, value in (("minutes", minutes), ("cpus", cpus), ("at_once", at_once)):
            if value < 1:
                raise SettingsError(f"`{name}` must be at least 1, got {value}.")
        if gpus < 0 or (memory is not None and memory <= 0):
            raise SettingsError(f"`gpus` must be at least 0 and `memory` more than 0, got {gpus} and {memory}.")
        if queue not in get_args(Queue):
            raise SettingsError(f"`queue` must be one of {', '.join(get_args(Queue))}, got {queue!r}.")
        self.minutes, self.cpus, self.gpus, self.memory, self.partition = minutes, cpus, gpus, memory, partition
        self.at_once, self.queue = at_once, queue
        self._submitit: Any = None
        self._jobs = SlurmQueue() if queue == "slurm" else None

    def __enter__(self) -> SlurmCluster:
        try:
            import submitit
        except ImportError as error:
            raise SettingsError("submitit must be installed to run jobs in SLURM: pip install 'vireid[slurm]'.") from error
        self._submitit = submitit
        return self

    def check(self, folder: Path) -> None:
        def ask(path: str, token: str) -> str:
            running = self._submit(folder / "jobs", look, path, token)
            try:
                while (code := running.poll()) is None:
                    if reason := running.hopeless():
                        raise SettingsError(
                            f"SLURM would never begin a job that asks for so much ({reason}): change the engine's settings."
                        )
                    time.sleep(0.2)
            finally:
                if running.code is None:
                    running.kill()
            if code != LOST:
                return str(running.job.result())
            said = running.last_words()
            if "No module named" in said:
                raise ImportError(said)
            raise SettingsError(f"The queue {self.queue!r} runs nothing: {said}")

        check_shared(folder, f"the machines of the queue {self.queue!r}", ask)

    def start(self, file: Path, log: Path) -> Running:
        checkpointable = self._submitit.helpers.FunctionSequence  # asks to be put back into the queue, with what is left to do
        sequence = checkpointable()
        sequence.add(run_job, str(file), str(log), self.cpus)
        return self._submit(file.parent, sequence)

    def _submit(self, folder: Path, function: Any, *arguments: str) -> _SlurmJob:
        try:
            executor = self._submitit.AutoExecutor(folder / "slurm", cluster=self.queue)
        except RuntimeError as error:
            raise SettingsError(f"There is no SLURM here ({error}): run this where `srun` works.") from error
        wanted = {"name": "vireid", "timeout_min": self.minutes, "cpus_per_task": self.cpus, "gpus_per_node": self.gpus or None}
        wanted |= {"mem_gb": self.memory, "slurm_partition": self.partition}
        wanted |= {"slurm_signal_delay_s": min(MOST_NOTICE, 60 * self.minutes // 3)}
        executor.update_parameters(**{name: value for name, value in wanted.items() if value is not None})
        try:
            return _SlurmJob(self._submitit, executor.submit(function, *arguments), self._jobs)
        except self._submitit.core.utils.FailedJobError as error:
            raise SettingsError(f"SLURM refuses the job: {_first_line(error)}. Change the engine's settings.") from error


class _SlurmJob(Running):
    """A job of submitit.

    Args:
        submitit: the module.
        job: the job.
        jobs: the queue that it is in; ``None`` for a process of this machine.
    """

    def __init__(self, submitit: Any, job: Any, jobs: SlurmQueue | None) -> None:
        self.submitit, self.job = submitit, job
        self.code: int | None = None
        self._jobs, self._began = jobs, time.monotonic()
        self._missed: float | None = None
        self._said = ""

    def poll(self) -> int | None:
        if self.code is None and (self._has_result() or self._is_lost()):
            try:
                found = self.job.result() if self._has_result() else [LOST]
                self.code = int(found[0]) if isinstance(found, list) else 0
            except self.submitit.core.utils.UncompletedJobError as error:
                self.code, self._said = LOST, str(error)
        return self.code

    def hopeless(self) -> str:
        """Why the job will never begin; empty if it may."""
        return "" if self._jobs is None else self._jobs.hopeless(str(self.job.job_id), self._began)

    def last_words(self) -> str:
        """The error of a job that failed, or else the last line of what it, or SLURM of it, has said."""
        lines = [line.strip() for line in (self._said or self.job.stderr() or "it said nothing").splitlines() if line.strip()]
        return printable(next((line for line in reversed(lines) if ERROR.match(line)), lines[-1]))

    def _has_result(self) -> bool:
        return bool(self.job.paths.result_pickle.exists())

    def _is_lost(self) -> bool:
        """Whether the job has left the queue, and has brought no result for a while."""
        if self._jobs is None:
            return bool(self.job.done())
        if not self._jobs.lost(str(self.job.job_id), self._began):
            self._missed = None
            return False
        self._missed = self._missed or time.monotonic()
        return time.monotonic() - self._missed >= PATIENCE

    def stop(self) -> None:
        self.job.cancel()

    def kill(self) -> None:
        self.job.cancel()


def _first_line(error: Exception) -> str:
    return printable(next(iter(str(error).strip().splitlines()), type(error).__name__)).removeprefix("sbatch: error: ").rstrip(".")
