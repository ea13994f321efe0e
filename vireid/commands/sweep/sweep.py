"""A sweep from its settings to its table. Finished trials are kept, missing ones are run."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

from rich.table import Table

from vireid.commands.configs import find_config
from vireid.commands.jobs.engine import Engine
from vireid.commands.jobs.engines import engine_for
from vireid.commands.jobs.job import Job, prepare
from vireid.commands.jobs.runner import Runner
from vireid.commands.lightning_warnings import quiet_lightning
from vireid.commands.study.plan_classes import check_classes
from vireid.commands.sweep.settings import SweepSettings
from vireid.commands.sweep.trials import Trials, option_layers, trial_name
from vireid.errors import OutputError, SettingsError, VireidError
from vireid.files import write_text_atomically
from vireid.locks import LOCK_FILE, FolderLock
from vireid.printable import printable
from vireid.results import Result
from vireid.results.table import COLUMNS
from vireid.settings import instantiate
from vireid.terminal import console, say, table_console

SETTINGS_FILE = "sweep.json"


def run_sweep(folder: str, config: str | None, jobs: int, engine: Engine | None, allow: str | None = None) -> int:
    """Run a sweep, or resume it, and write its table. The arguments are those of the command.

    Returns:
        Exit code: 0, 1 if a training failed, 130 if interrupted, 143 if terminated.

    Raises:
        SettingsError: arguments do not fit, an option does not exist, or the folder holds another sweep.
        OutputError: the folder holds other files, or cannot be written.
    """
    machines = engine_for(jobs, engine)
    quiet_lightning()
    path = Path(folder).absolute()
    settings = _settings(path, config, allow)
    try:
        with FolderLock(path):
            return _go(Trials(path, settings), machines)
    except VireidError:
        if not (path / SETTINGS_FILE).exists():
            shutil.rmtree(path / "configs", ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds something
            path.rmdir()
        raise


def _settings(path: Path, config: str | None, allow: str | None) -> SweepSettings:
    kept = path / SETTINGS_FILE
    if not kept.exists() and path.is_dir() and any(file.name not in (LOCK_FILE, "configs") for file in path.iterdir()):
        raise OutputError(f"{str(path)!r} is not empty and holds no sweep ({SETTINGS_FILE}). Name another --folder.")
    if config is None and not kept.exists():
        raise SettingsError(f"There is no sweep in {str(path)!r} to go on with: name its configuration with --config.")
    before = SweepSettings.kept(kept) if kept.exists() else None
    if config is None:
        assert before is not None
        check_classes([*before.fit, *option_layers(before)], allow, "sweep")
        return before
    settings = SweepSettings.load(Path(find_config(config)))
    if before is not None and before.plain != settings.plain:
        changed = [name for name in settings.plain.keys() | before.plain.keys() if settings.plain.get(name) != before.plain.get(name)]
        raise SettingsError(f"{str(path)!r} holds a sweep with other settings ({', '.join(sorted(changed))}). Name another --folder.")
    return settings


def _go(trials: Trials, engine: Engine) -> int:
    if not (trials.folder / SETTINGS_FILE).exists():
        trials.check()
        write_text_atomically(trials.folder / SETTINGS_FILE, json.dumps(trials.settings.plain, indent=1) + "\n")
    begun = trials.begun()
    states = [prepare(job, trials.folder) for job in begun]
    say(f"{trials.count} trainings, {sum(state.finished for state in states)} of them finished, in {printable(trials.folder)}")
    data = trials.recipe(trials.taken[0] if trials.taken else trials.settings.sampler.propose(0, trials.settings.options, ())).data
    instantiate(data).prepare_data()  # once, before several trainings would

    def more() -> Job | None:
        job = trials.propose()
        if job is not None:
            prepare(job, trials.folder)
        return job

    try:
        failed = Runner(trials.folder, begun, engine, console(), more, trials.count).run()
    except KeyboardInterrupt:
        say(f"\nTo go on: vireid sweep --folder {printable(trials.folder)}")
        raise
    for name, reason in sorted(failed.items()):
        console().print(f"{printable(name)} failed: {printable(reason)}", style="red", soft_wrap=True)
    _tell(trials)
    return 1 if failed else 0


def _tell(trials: Trials) -> None:
    """Print the table, best first, and write it."""
    results = trials.results()
    ranked = sorted(results, key=lambda number: -results[number].mean["mAP"])
    heads = ["trial", *trials.settings.options, *COLUMNS]
    rows = [_row(trials, number, results[number]) for number in ranked]
    table = Table(title=f"{len(rows)} of {trials.count} trainings, percent, on validation identities", title_justify="left")
    for head in heads:  # names of options are long, and are folded first
        table.add_column(head, overflow="fold", no_wrap=head in COLUMNS)
    for row in rows:
        table.add_row(*map(printable, row))
    table_console().print(table)
    lines = [heads, ["---"] * len(heads), *rows]
    write_text_atomically(trials.folder / "table.md", "".join(f"| {' | '.join(line)} |\n" for line in lines))
    if ranked:
        best = trials.folder / trial_name(ranked[0]) / "checkpoints" / "last.ckpt"
        say(f"Table in {printable(trials.folder / 'table.md')}. Test the best: vireid test --ckpt {printable(best)}")


def _row(trials: Trials, number: int, result: Result) -> list[str]:
    values = [json.dumps(value) if not isinstance(value, str) else value for value in trials.taken[number].values()]
    return [trial_name(number), *values, *(f"{100 * result.mean[name]:.2f}" for name in COLUMNS.values())]
