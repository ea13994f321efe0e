"""Which engine runs the jobs of a command."""

from __future__ import annotations

from vireid.commands.jobs.engine import Engine
from vireid.commands.jobs.here import Here
from vireid.commands.jobs.local import LocalProcesses
from vireid.commands.jobs.ray_cluster import RayCluster
from vireid.commands.jobs.slurm_cluster import SlurmCluster
from vireid.errors import SettingsError


def chosen_engines() -> tuple[type[Engine], ...]:
    """The engines that an option may name; a parser knows those that are imported."""
    return LocalProcesses, RayCluster, SlurmCluster


def engine_for(jobs: int, engine: Engine | None) -> Engine:
    """The engine that was chosen, or else processes here.

    Args:
        jobs: processes here; 0 for this one alone.
        engine: as chosen.

    Raises:
        SettingsError: ``jobs`` is negative.
    """
    if engine is not None:
        return engine
    if jobs < 0:
        raise SettingsError(f"`jobs` must be at least 0, got {jobs}.")
    return LocalProcesses(jobs) if jobs else Here()
