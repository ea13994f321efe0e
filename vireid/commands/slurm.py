"""Jobs of SLURM that are put back into the queue: the same command goes on in the folder that it wrote into before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from vireid.files import write_text_atomically

if TYPE_CHECKING:
    import pytorch_lightning as pl

JOB_FILE = ".slurm.json"


class Job:
    """The job that this process is a task of, by its environment.

    Attributes:
        name: number of the job; of an array, with that of the task in it.
        task: number of the process among those that were started together.
        restarts: how often the job was put back into the queue.
    """

    def __init__(self) -> None:
        array, job = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_JOB_ID", "")
        self.name = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID', '')}" if array else job
        self.task = _number("SLURM_PROCID")
        self.restarts = _number("SLURM_RESTART_COUNT")

    def goes_on_in(self, folder: Path) -> bool:
        """Whether this job was put back into the queue after it wrote into a folder, and this command has not yet gone on there."""
        said = _read(folder)
        if not self.name or said.get("job") != self.name or said.get("task") not in (None, self.task):
            return False
        if said.get("requeued") is True:
            return True
        if said.get("restarts") == self.restarts:  # the first process of several may have been here
            return self.task > 0 and said.get("went_on") is True
        return self.restarts > 0

    def note(self, folder: Path, alone: bool, went_on: bool) -> None:
        """Write into a folder whose it is.

        Args:
            folder: the folder of the run.
            alone: whether each task of the job is a run of its own.
            went_on: whether the job has gone on there.
        """
        if self.name:
            whose = {"job": self.name, "task": self.task if alone else None, "restarts": self.restarts}
            write_text_atomically(folder / JOB_FILE, json.dumps({**whose, "went_on": went_on}) + "\n")


class Requeue:
    """Lets the signal that announces the end of a job's time end the run as SIGTERM does, and then puts the job back into the queue.

    Lightning's own handler would write a checkpoint in the middle of a step.

    Args:
        number: the signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        self.wanted = False
        self.number, self._before = number, signal.signal(number, self._stop)

    def put_back(self, folder: Path) -> str:
        """Put the job back if the signal came.

        Returns:
            What to tell the user.
        """
        if not self.wanted:
            return ""
        name = Job().name
        write_text_atomically(folder / JOB_FILE, json.dumps({**_read(folder), "requeued": True}) + "\n")
        try:
            done = subprocess.run(["scontrol", "requeue", name], capture_output=True, text=True, check=False)
            failed = " ".join(done.stderr.split()) or f"exit code {done.returncode}" if done.returncode else ""
        except OSError as error:
            failed = error.strerror or str(error)
        return f"`scontrol requeue {name}` failed: {failed}." if failed else f"Job {name} was put back into the queue."

    def end(self) -> None:
        """Let the signal do what it did before."""
        signal.signal(self.number, self._before)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (interface)
        self.wanted = True
        os.kill(os.getpid(), signal.SIGTERM)


def requeue_of(trainer: pl.Trainer) -> Requeue | None:
    """The handler for a Trainer that Lightning would put back into the queue; ``None`` outside SLURM."""
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

    environment = trainer._accelerator_connector.cluster_environment  # nothing public tells it
    if not isinstance(environment, SLURMEnvironment) or threading.current_thread() is not threading.main_thread():
        return None
    return Requeue(environment.requeue_signal) if environment.auto_requeue and environment.requeue_signal else None


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
