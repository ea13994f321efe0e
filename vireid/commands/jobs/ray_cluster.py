"""Jobs on the machines of a Ray cluster: a task for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.commands.jobs.engine import LOST, Engine, Running
from vireid.commands.jobs.remote import look, run_job
from vireid.commands.jobs.shared_folder import check_shared
from vireid.errors import SettingsError


class RayCluster(Engine):
    """A Ray cluster. A job whose machine is gone goes on, from its last checkpoint, on another.

    Args:
        address: of the cluster, such as ``ray://head:10001``; null for the cluster of this machine, which is started if there is none.
        cpus: cores that a job takes.
        gpus: GPUs that a job takes, or a part of one.
        at_once: jobs that are handed over at once; Ray starts as many of them as there are resources for.

    Raises:
        SettingsError: a number is out of range.
    """

    def __init__(self, address: str | None = None, cpus: float = 1.0, gpus: float = 0.0, at_once: int = 1000) -> None:
        if cpus < 0 or gpus < 0 or cpus + gpus == 0:
            raise SettingsError(f"`cpus` and `gpus` must be at least 0, and one of them more, got {cpus} and {gpus}.")
        if at_once < 1:
            raise SettingsError(f"`at_once` must be at least 1, got {at_once}.")
        self.address, self.cpus, self.gpus, self.at_once = address, cpus, gpus, at_once
        self._ray: Any = None
        self._connected = False

    def __enter__(self) -> RayCluster:
        try:
            import ray
        except ImportError as error:
            raise SettingsError("ray must be installed to run jobs on a cluster: pip install 'vireid[ray]'.") from error
        self._ray = ray
        if not ray.is_initialized():
            try:
                ray.init(address=self.address, log_to_driver=False, include_dashboard=False if self.address is None else None)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise SettingsError(f"There is no Ray cluster at {self.address!r}: {error}") from error
            self._connected = True
        return self

    def check(self, folder: Path) -> None:
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                self._check(folder, node)

    def _check(self, folder: Path, node: dict[str, Any]) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = self._ray.remote(look).options(num_cpus=0, max_retries=0, scheduling_strategy=there)

        def ask(path: str, token: str) -> str:
            try:
                return str(self._ray.get(task.remote(path, token)))
            except self._ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, ImportError) or "No module named" in str(error):
                    raise ImportError(str(cause or error).splitlines()[-1]) from error
                raise SettingsError(f"{node['NodeManagerAddress']} runs nothing: {str(error).splitlines()[0]}") from error

        check_shared(folder, str(node["NodeManagerAddress"]), ask)

    def start(self, file: Path, log: Path) -> Running:
        task = self._ray.remote(run_job).options(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=0)
        return _RayJob(self._ray, task.remote(str(file), str(log), max(1, int(self.cpus))))

    def close(self) -> None:
        if self._connected:
            self._ray.shutdown()


class _RayJob(Running):
    def __init__(self, ray: Any, task: Any) -> None:
        self.ray, self.task = ray, task
        self.code: int | None = None

    def poll(self) -> int | None:
        if self.code is None and self.ray.wait([self.task], timeout=0)[0]:
            try:
                self.code = int(self.ray.get(self.task))
            except self.ray.exceptions.RayError:  # of a machine or process that is gone, or a task that was stopped
                self.code = LOST
        return self.code

    def stop(self) -> None:
        self.ray.cancel(self.task)

    def kill(self) -> None:
        self.ray.cancel(self.task, force=True)
