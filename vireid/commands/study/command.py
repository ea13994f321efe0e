"""``vireid study``: searches against baselines and random networks at one budget, resumable, with a report."""

from __future__ import annotations

from vireid.commands.jobs.engine import Engine
from vireid.commands.jobs.engines import parsed_with_engine
from vireid.commands.parser import ShortErrors


def main(words: list[str]) -> int:
    """Run ``vireid study``; ``words[0]`` is ``study``."""
    parser = ShortErrors(prog="vireid study", description="Compare searches with baselines and random networks at one budget.")
    parser.add_function_arguments(study)
    return study(**parsed_with_engine(parser, words[1:]))


def study(
    folder: str,
    config: str | None = None,
    jobs: int = 1,
    data_seed: int | None = None,
    report_only: bool = False,
    allow: str | None = None,
    engine: Engine | None = None,
) -> int:
    """Run a study, or resume it, and write its report.

    Args:
        folder: folder for all results: a new or empty one, or that of a study to resume.
        config: file that says what to compare, such as study/generated.yaml; it may be left out to resume a study.
        jobs: number of runs at once, each in a process of its own with a share of the cores; 0 runs all in this process.
        data_seed: seed_data of generated people, instead of the configured one.
        report_only: write the report of the finished runs, and run nothing.
        allow: classes of your own that the plan in the folder may name, with commas between; those of config may be named anyway.
        engine: other machines that run the jobs, RayCluster or SlurmCluster, instead of processes here.
    """
    from vireid.commands.study.study import run_study

    return run_study(folder, config, jobs, data_seed, report_only, allow, engine)
