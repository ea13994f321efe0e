"""``vireid sweep``: trainings with other values of some options, resumable, and one table."""

from __future__ import annotations

from vireid.commands.jobs.engine import Engine
from vireid.commands.jobs.engines import parsed_with_engine
from vireid.commands.parser import ShortErrors


def main(words: list[str]) -> int:
    """Run ``vireid sweep``; ``words[0]`` is ``sweep``."""
    parser = ShortErrors(prog="vireid sweep", description="Train with other values of some options, and compare on validation identities.")
    parser.add_function_arguments(sweep)
    return sweep(**parsed_with_engine(parser, words[1:]))


def sweep(folder: str, config: str | None = None, jobs: int = 1, engine: Engine | None = None, allow: str | None = None) -> int:
    """Run a sweep, or resume it, and write its table.

    Args:
        folder: folder for all results: a new or empty one, or that of a sweep to resume.
        config: file with fit (layers of the training), options (values by option) and sampler; it may be left out to resume a sweep.
        jobs: number of trainings at once, each in a process of its own with a share of the cores; 0 runs all in this process.
        engine: other machines that run the trainings, RayCluster or SlurmCluster, instead of processes here.
        allow: classes of your own that the sweep in the folder may name, with commas between; those of config may be named anyway.
    """
    from vireid.commands.sweep.sweep import run_sweep

    return run_sweep(folder, config, jobs, engine, allow)
