"""A study from its settings to its report. Finished runs are kept, missing runs are run."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from vireid.commands.configs import find_config
from vireid.commands.grey_baseline import template_results
from vireid.commands.jobs.engine import Engine
from vireid.commands.jobs.engines import engine_for
from vireid.commands.jobs.job import prepare
from vireid.commands.jobs.runner import Runner
from vireid.commands.lightning_warnings import quiet_lightning
from vireid.commands.study.networks import write_genotypes
from vireid.commands.study.plan import Plan, make_plan
from vireid.commands.study.plan_classes import check_plan_classes
from vireid.commands.study.plots import draw_study
from vireid.commands.study.report import TEMPLATE_FOLDER, study_report
from vireid.commands.study.settings import StudySettings
from vireid.commands.study.table import markdown
from vireid.errors import OutputError, SettingsError, VireidError
from vireid.files import write_text_atomically
from vireid.locks import LOCK_FILE, FolderLock
from vireid.printable import printable
from vireid.results import write_metrics
from vireid.settings import instantiate
from vireid.terminal import console, say

SETTINGS_FILE = "plan.json"


def run_study(
    folder: str,
    config: str | None,
    jobs: int,
    data_seed: int | None,
    report_only: bool,
    allow: str | None = None,
    engine: Engine | None = None,
) -> int:
    """Run a study, or resume it, and write its report. The arguments are those of the command.

    Returns:
        Exit code: 0, 1 if a run failed, 130 if interrupted, 143 if terminated.

    Raises:
        SettingsError: arguments do not fit, or the folder holds another study.
        OutputError: the folder holds other files, or cannot be written.
    """
    machines = engine_for(jobs, engine)
    quiet_lightning()
    path = Path(folder)
    if report_only:
        if config is not None or data_seed is not None:
            raise SettingsError("`report_only` is about the study that lies in the folder: leave out `config` and `data_seed`.")
        return _tell(_plan(_settings(path, None, None, allow), path))  # runs of an older vireid, with fewer settings, count as they are
    settings = _settings(path, config, data_seed, allow)
    try:
        with FolderLock(path):
            return _go(settings, path, machines, jobs)
    except VireidError:
        with contextlib.suppress(OSError):  # it holds something
            path.rmdir()
        raise


def _go(settings: StudySettings, path: Path, engine: Engine, jobs: int) -> int:
    terminal = console()
    plan = _plan(settings, path)
    states = [prepare(job, path) for job in plan.jobs]
    write_genotypes(list(plan.networks), path)
    _write(settings, path)
    say(f"{len(states)} runs, {sum(state.finished for state in states)} of them finished, in {printable(path)}")
    try:
        failed = _run(plan, engine, terminal)
    except KeyboardInterrupt:
        say(f"\nTo go on: vireid study --folder {printable(path)} --jobs {jobs}")
        raise
    for name, reason in failed.items():
        terminal.print(f"{printable(name)} failed: {printable(reason)}", style="red", soft_wrap=True)
    _tell(plan)
    return 1 if failed else 0


def _settings(folder: Path, config: str | None, data_seed: int | None, allow: str | None) -> StudySettings:
    kept = folder / SETTINGS_FILE
    if not kept.exists() and folder.is_dir() and any(path.name not in (LOCK_FILE, f".{SETTINGS_FILE}.part") for path in folder.iterdir()):
        raise OutputError(f"{str(folder)!r} is not empty and holds no study ({SETTINGS_FILE}). Name another --folder.")
    if config is None and not kept.exists():
        raise SettingsError(
            f"There is no study in {str(folder)!r} to go on with: name its configuration, such as --config study/generated.yaml."
        )
    source = kept if config is None else Path(find_config(config))
    settings = StudySettings.load(source)
    if config is None:
        check_plan_classes(settings, allow)
    if data_seed is None:
        return settings
    layer = {"data": {"init_args": {"seed_data": data_seed}}}
    return StudySettings.from_dict({**settings.to_dict(), "data": [*settings.data, layer]})


def _plan(settings: StudySettings, folder: Path) -> Plan:
    """The plan. A study that is killed from now on can be started again; what one that cannot begin has written is removed again."""
    begun = (folder / SETTINGS_FILE).exists()
    if not begun:
        _write(settings, folder)
    try:
        return make_plan(settings, folder)
    except VireidError:
        if not begun:
            shutil.rmtree(folder / "configs", ignore_errors=True)
            (folder / SETTINGS_FILE).unlink()
        raise


def _write(settings: StudySettings, folder: Path) -> None:
    write_text_atomically(folder / SETTINGS_FILE, json.dumps(settings.to_dict(), indent=1) + "\n")


def _run(plan: Plan, engine: Engine, terminal: Console) -> dict[str, str]:
    """Draw or check the data once, before several runs would, then run everything."""
    data = instantiate({**plan.retrain.data, "init_args": {**plan.retrain.data["init_args"], "seed": plan.settings.retrain_seeds[0]}})
    data.prepare_data()
    template = plan.folder / TEMPLATE_FOLDER / "metrics.json"
    if plan.settings.template and not template.exists():
        write_metrics(template, template_results(data), phase="untrained", evaluated_on="test identities")
    return Runner(plan.folder, plan.jobs, engine, terminal).run()


def _tell(plan: Plan) -> int:
    """Write ``study.json``, ``table.md`` and the pictures, and say where they lie."""
    report = _without_nan(study_report(plan))
    written = [plan.folder / "study.json", plan.folder / "table.md"]
    write_text_atomically(written[0], json.dumps(report, indent=1) + "\n")
    write_text_atomically(written[1], markdown(report))
    try:
        written += draw_study(report, plan.folder)
    except ModuleNotFoundError as error:
        say(str(error))
    say(markdown(report))
    say(f"Report in {', '.join(map(printable, written))}")
    return 0


def _without_nan(value: Any) -> Any:
    """Plain values that JSON knows: numbers that are none become null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
