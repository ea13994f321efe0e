"""Trials of a sweep: their values, which are written down before they begin, and their jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vireid.commands.jobs.job import Job, Step, states
from vireid.commands.layers import read_layers
from vireid.commands.study.plan import LIGHTNING, QUIET
from vireid.commands.study.recipes import Recipe, recipe
from vireid.commands.sweep.ranges import Range
from vireid.commands.sweep.samplers import Scored
from vireid.commands.sweep.settings import SweepSettings
from vireid.errors import ResultsError, SettingsError
from vireid.files import read_text, write_text_atomically
from vireid.results import Result, read_results

TRIALS_FILE = "trials.json"


class Trials:
    """The trials of a sweep in a folder.

    Args:
        folder: absolute.
        settings: of the sweep.

    Raises:
        ResultsError: the file of an earlier session is damaged.
    """

    def __init__(self, folder: Path, settings: SweepSettings) -> None:
        self.folder, self.settings = folder, settings
        self._read: dict[int, Result] = {}  # what is finished does not change
        path = folder / TRIALS_FILE
        try:
            self.taken: list[dict[str, Any]] = json.loads(read_text(path)) if path.exists() else []
            if not isinstance(self.taken, list) or not all(map(self._may_be_taken, self.taken)):
                raise ValueError("it is no list of values for each option")
        except (OSError, ValueError, RecursionError) as error:
            raise ResultsError(f"{str(path)!r} is damaged: {error}. Name another --folder.") from error

    def _may_be_taken(self, values: Any) -> bool:
        options = self.settings.options
        return (
            isinstance(values, dict)
            and list(values) == list(options)
            and all(given.holds(values[name]) if isinstance(given, Range) else values[name] in given for name, given in options.items())
        )

    @property
    def count(self) -> int:
        """Number of trials in the end."""
        return self.settings.sampler.count(self.settings.options)

    def begun(self) -> list[Job]:
        """Jobs of the trials whose values are known."""
        return [self.job(number) for number in range(len(self.taken))]

    def propose(self) -> Job | None:
        """The job of one more trial, whose values are written down first; ``None`` if there are enough."""
        number = len(self.taken)
        if number >= self.count:
            return None
        self.taken.append(self.settings.sampler.propose(number, self.settings.options, self.scored()))
        write_text_atomically(self.folder / TRIALS_FILE, json.dumps(self.taken, indent=1) + "\n")
        return self.job(number)

    def scored(self) -> Scored:
        """Values and validation mAP of the finished trials."""
        return [(self.taken[number], result.mean["mAP"]) for number, result in self.results().items()]

    def results(self) -> dict[int, Result]:
        """First row of the validation of each finished trial."""
        found = states([Job(trial_name(number), STEPS, {}) for number in range(len(self.taken))], self.folder)
        for number in range(len(self.taken)):
            if number not in self._read and found[trial_name(number)].finished:
                self._read[number] = read_results(self.folder / trial_name(number) / "validate-1").results[0]
        return {number: self._read[number] for number in sorted(self._read)}

    def recipe(self, values: Mapping[str, Any], name: str = "fit") -> Recipe:
        """The training with these values.

        Raises:
            SettingsError: ``fit`` refuses them, or no identities are held out for a comparison.
        """
        found = recipe(name, self.settings.fit, self.folder / "configs", [f"--{key}={_text(value)}" for key, value in values.items()])
        if (found.data.get("init_args") or {}).get("validation", "none") == "none":
            raise SettingsError(
                "A sweep compares trainings on identities that they did not see: set `data.init_args.validation` to heldout."
            )
        return found

    def job(self, number: int) -> Job:
        """The job of a trial whose values are known."""
        name, values = trial_name(number), self.taken[number]
        found, path = self.recipe(values), self.folder / name
        fit = ("fit", *found.words, *QUIET, "--run_dir", str(path), "--ckpt_path", "last")
        target = path / "validate-1"
        validate = (
            "validate",
            "--ckpt_path",
            str(path / "checkpoints" / "last.ckpt"),
            "--run_dir",
            str(target),
            *QUIET,
            *found.device_words(),
        )
        steps = (Step("fit", LIGHTNING, fit), Step("validate", LIGHTNING, validate, clear=str(target)))
        return Job(name, steps, {"recipe": found.resolved, "options": dict(values)})

    def check(self) -> None:
        """Let ``fit`` read every value that is listed, and the ends of every range, before anything is trained.

        Raises:
            SettingsError: an option does not exist, or a value does not fit.
        """
        each = {name: values if isinstance(values, list) else [values.low, values.high] for name, values in self.settings.options.items()}
        first = {name: values[0] for name, values in each.items()}
        self.recipe(first, "options")
        for name, values in each.items():
            for value in values[1:]:
                self.recipe({**first, name: value}, f"options.{name}")


def option_layers(settings: SweepSettings) -> list[dict[str, Any]]:
    """What each listed value of an option says, as inline settings."""
    listed = [(name, value) for name, values in settings.options.items() if isinstance(values, list) for value in values]
    return [layer.content for name, value in listed for layer in read_layers([f"--{name}={_text(value)}"])]


STEPS = (Step("fit", LIGHTNING, ()), Step("validate", LIGHTNING, ()))


def trial_name(number: int) -> str:
    """Name of the job of a trial, which is also the folder of its results."""
    return f"trial-{number:04d}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
