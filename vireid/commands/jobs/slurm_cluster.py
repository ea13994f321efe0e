"""Jobs in the queue of SLURM, through submitit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from vireid.commands.jobs.engine import LOST, Engine, Running
from vireid.commands.jobs.remote import look, run_job
from vireid.commands.jobs.shared_folder import check_shared
from vireid.errors import SettingsError

Queue = Literal["slurm", "local"]


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

    def __enter__(self) -> SlurmCluster:
        try:
            import submitit
        except ImportError as error:
            raise SettingsError("submitit must be installed to run jobs in SLURM: pip install 'vireid[slurm]'.") from error
        self._submitit = submitit
        return self

    def check(self, folder: Path) -> None:
        def ask(path: str, token: str) -> str:
            job = self._submit(folder / "jobs", look, path, token)
            try:
                return str(job.result())
            except self._submitit.core.utils.FailedJobError as error:
                if "No module named" in str(error):
                    raise ImportError(str(error).splitlines()[-1]) from error
                raise SettingsError(f"The queue {self.queue!r} runs nothing: {str(error).splitlines()[-1]}") from error

        check_shared(folder, f"the machines of the queue {self.queue!r}", ask)

    def start(self, file: Path, log: Path) -> Running:
        checkpointable = self._submitit.helpers.FunctionSequence  # asks to be put back into the queue, with what is left to do
        sequence = checkpointable()
        sequence.add(run_job, str(file), str(log))
        return _SlurmJob(self._submitit, self._submit(file.parent, sequence))

    def _submit(self, folder: Path, function: Any, *arguments: str) -> Any:
        try:
            executor = self._submitit.AutoExecutor(folder / "slurm", cluster=self.queue)
        except RuntimeError as error:
            raise SettingsError(f"There is no SLURM here ({error}): run this where `srun` works.") from error
        wanted = {"name": "vireid", "timeout_min": self.minutes, "cpus_per_task": self.cpus, "gpus_per_node": self.gpus or None}
        wanted |= {"mem_gb": self.memory, "slurm_partition": self.partition}
        executor.update_parameters(**{name: value for name, value in wanted.items() if value is not None})
        return executor.submit(function, *arguments)


class _SlurmJob(Running):
    def __init__(self, submitit: Any, job: Any) -> None:
        self.submitit, self.job = submitit, job
        self.code: int | None = None

    def poll(self) -> int | None:
        if self.code is None and self.job.done():
            try:
                self.code = int(self.job.result()[0])
            except (self.submitit.core.utils.FailedJobError, self.submitit.core.utils.UncompletedJobError):
                self.code = LOST
        return self.code

    def stop(self) -> None:
        self.job.cancel()

    def kill(self) -> None:
        self.job.cancel()
