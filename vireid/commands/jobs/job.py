"""One job: a few commands in a row, and the files that say which of them are finished."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vireid.commands.jobs.attempts import BEAT, PATIENCE, Attempt, Lease, are_seconds, claim, latest, numbers
from vireid.commands.stopping import stops
from vireid.errors import ResultsError, SettingsError
from vireid.files import read_text, write_text_atomically

FORMAT, VERSION = "vireid.study.job", 1
JOBS = "jobs"
ABSENT = "absent"
SHOWN = 6


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: ``fit``, ``validate``, ``test`` or ``score``.
        module: its ``main(words)`` runs the command.
        words: name and options of the command.
        clear: folder of an interrupted attempt, which is removed first; empty if the command resumes by itself.
    """

    name: str
    module: str
    words: tuple[str, ...]
    clear: str = ""


@dataclass(frozen=True)
class Job:
    """Commands that one process runs.

    Attributes:
        name: name such as ``retrain/all_shared-seed0``, which is also the folder of its results.
        steps: commands in order.
        settings: everything that the outcome depends on, as plain values.
        needs: name of the job that has to be finished first, or empty.
    """

    name: str
    steps: tuple[Step, ...]
    settings: dict[str, Any] = field(repr=False)
    needs: str = ""

    def file(self, folder: Path) -> Path:
        """File that says what the job is. Its attempts lie beside it."""
        return folder / JOBS / f"{self.name.replace('/', '-')}.json"

    def log(self, folder: Path) -> Path:
        """File that keeps the output of its commands."""
        return self.file(folder).with_suffix(".log")


@dataclass(frozen=True)
class State:
    """How far a job is.

    Attributes:
        seconds: seconds of every finished step, by name; those of the last attempt if an earlier one was interrupted.
        attempts: how often the job was started.
        finished: whether all steps are.
    """

    seconds: dict[str, float]
    attempts: int
    finished: bool


def digest(settings: Mapping[str, Any]) -> str:
    """SHA-256 of plain settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def prepare(job: Job, folder: Path) -> State:
    """Write the job's file. If it exists, check that its settings are the same.

    Raises:
        SettingsError: the job was begun with other settings; the message names them.
    """
    path = job.file(folder)
    content: dict[str, Any] = read(path) if path.exists() else {"seconds": {}, "attempts": 0, "settings": job.settings}
    if found := differences(content["settings"], job.settings):
        changed = [f"`{key}` was {old}, is now {new}" for key, old, new in found]
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise SettingsError(
            f"{job.name!r} of {str(folder)!r} was begun with other settings: {'; '.join(changed[:SHOWN])}{more}. "
            "Results of different settings are not mixed: restore the configuration, or name another --folder."
        )
    content |= {"format": FORMAT, "version": VERSION, "name": job.name, "digest": digest(job.settings)}
    _write(path, {**content, "steps": [asdict(step) for step in job.steps]})
    return state(job, folder)


def state(job: Job, folder: Path) -> State:
    """How far the job is, read from its file. Without a file, no step is finished."""
    return states([job], folder)[job.name]


def states(jobs: Iterable[Job], folder: Path) -> dict[str, State]:
    """How far jobs are, by their names. The folder is listed once."""
    known = numbers(folder / JOBS)
    return {job.name: _state(job, job.file(folder), known) for job in jobs}


def _state(job: Job, path: Path, known: Mapping[str, int]) -> State:
    if not path.exists():
        return State({}, 0, finished=not job.steps)
    last = latest(path, known) or _before(read(path))
    return State(last.seconds, last.number, all(step.name in last.seconds for step in job.steps))


def run(path: Path, beat: float = BEAT, patience: float = PATIENCE) -> None:
    """Begin an attempt at the job of this file: run its unfinished steps, and record each step that finishes.

    Args:
        path: the file.
        beat: seconds after which to say again that this process is alive.
        patience: seconds of silence after which the process of an earlier attempt counts as dead.

    Raises:
        ResultsError: a command failed with an exit code, or left before it returned. Or a later attempt has begun.
        KeyboardInterrupt: a command was stopped.
    """
    content = read(path)
    with claim(path, _before(content), patience).kept(beat) as lease:
        for step in content["steps"]:
            if step["name"] not in lease.attempt.seconds:
                _run_step(step, content["name"], lease)


def _run_step(step: Mapping[str, Any], job: str, lease: Lease) -> None:
    if step["clear"]:
        shutil.rmtree(step["clear"], ignore_errors=True)
    began = time.monotonic()
    try:
        with stops():
            code = importlib.import_module(step["module"]).main(step["words"])
    except SystemExit as end:  # only a command that returned is finished
        raise ResultsError(f"`{step['name']}` of {job!r} left with exit code {end.code} before it was finished.") from end
    if code:
        raise ResultsError(f"`{step['name']}` of {job!r} ended with exit code {code}.")
    lease.record(step["name"], round(time.monotonic() - began, 2))


def _before(content: Mapping[str, Any]) -> Attempt:
    """What counts before the first attempt: an older vireid kept it in the file of the job."""
    return Attempt(content["attempts"], content["seconds"], ended=True)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Plain settings that differ, by dotted name; :data:`ABSENT` where one side lacks it.

    An option that one side lacks and the other has off is no difference: another vireid did not have it.
    """
    found = _differences(json.loads(json.dumps(old)), json.loads(json.dumps(new)), "")
    return [(name, one, other) for name, one, other in found if not (_is_new_and_off(one, other) or _is_new_and_off(other, one))]


def _differences(old: Any, new: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key, ABSENT), new.get(key, ABSENT), f"{name}.{key}" if name else str(key))
    elif json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):  # which tells 1 from 1.0 and true, and nan is nan
        yield name, old, new


def _is_new_and_off(before: Any, after: Any) -> bool:
    return before == ABSENT and (after is None or after is False)


def read(path: Path) -> dict[str, Any]:
    """The content of a job's file.

    Raises:
        ResultsError: the file is damaged or not ours.
    """
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{str(path)!r} is damaged: {error}. Delete it and the job's results to run the job again.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
        raise ResultsError(f"{str(path)!r} is no job of a study by this vireid: name another --folder.")
    if not _is_whole(content):
        raise ResultsError(f"{str(path)!r} is damaged: it lacks what a job is. Delete it and the job's results to run the job again.")
    return content


def _is_whole(content: Mapping[str, Any]) -> bool:
    kinds = {"settings": dict, "steps": list, "name": str, "attempts": int}
    return all(type(content.get(name)) is kind for name, kind in kinds.items()) and (
        are_seconds(content.get("seconds")) and all(map(_is_step, content["steps"]))
    )


def _is_step(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"name", "module", "words", "clear"}
        and all(isinstance(value[name], str) for name in ("name", "module", "clear"))
        and isinstance(value["words"], list)
        and all(isinstance(word, str) for word in value["words"])
    )


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_text_atomically(path, json.dumps(content, indent=1) + "\n")
