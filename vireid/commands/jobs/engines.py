"""Which engine runs the jobs of a command."""

from __future__ import annotations

from typing import Any

from jsonargparse import ArgumentParser

from vireid.commands.jobs.engine import Engine
from vireid.commands.jobs.here import Here
from vireid.commands.jobs.local import LocalProcesses
from vireid.commands.jobs.ray_cluster import RayCluster
from vireid.commands.jobs.slurm_cluster import SlurmCluster
from vireid.errors import SettingsError

ENGINES = (LocalProcesses, RayCluster, SlurmCluster)
"""Engines that ``--engine`` names without their module: a parser knows those that are imported."""


def parsed_with_engine(parser: ArgumentParser, words: list[str]) -> dict[str, Any]:
    """The options of a command, with the engine as an object.

    Raises:
        SettingsError: an option is refused, by the parser or by the engine.
    """
    found: dict[str, Any] = dict(vars(parser.parse_args(words)))
    if (chosen := found["engine"]) is not None:
        kinds = {f"{kind.__module__}.{kind.__name__}": kind for kind in ENGINES}
        if chosen.class_path not in kinds:
            raise SettingsError(f"`--engine` must be one of {', '.join(kind.__name__ for kind in ENGINES)}, got {chosen.class_path!r}.")
        found["engine"] = kinds[chosen.class_path](**dict(vars(chosen.get("init_args")) if chosen.get("init_args") else {}))
    return found


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
