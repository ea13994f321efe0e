"""What a sweep trains, and with which values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # ships no type information

from vireid.commands.layers import read_configuration, yaml_problem
from vireid.commands.sweep import samplers
from vireid.commands.sweep.ranges import Values, values_of
from vireid.commands.sweep.samplers import Sampler
from vireid.errors import SettingsError
from vireid.files import read_text
from vireid.settings import instantiate

KEYS = ("fit", "options", "sampler")
MOST_TRIALS = 10_000
SAMPLERS = {name: f"{samplers.__name__}.{name}" for name in ("GridSampler", "RandomSampler", "OptunaSampler")}


@dataclass(frozen=True)
class SweepSettings:
    """Settings of a sweep.

    Attributes:
        fit: layers of the training.
        options: what each option may be, by its name on the command line of ``fit``, without dashes.
        sampler: which values are tried.
        plain: all of them as plain values.
    """

    fit: list[Any]
    options: dict[str, Values]
    sampler: Sampler
    plain: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> SweepSettings:
        """Read a YAML (or JSON) file.

        Raises:
            SettingsError: the file is not YAML, keys are unknown or missing, or values do not fit.
        """
        try:
            content = read_configuration(path)
        except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
            raise SettingsError(f"{str(path)!r} cannot be read as YAML: {yaml_problem(error)}.") from error
        return cls.from_dict(json.loads(json.dumps(content, default=str)), repr(str(path)))

    @classmethod
    def kept(cls, path: Path) -> SweepSettings:
        """Read the JSON file of a sweep that has begun: YAML has other numbers.

        Raises:
            SettingsError: the file is damaged.
        """
        try:
            content = json.loads(read_text(path))
        except (OSError, ValueError, RecursionError) as error:
            raise SettingsError(f"{str(path)!r} is damaged: {error}. Name another --folder.") from error
        return cls.from_dict(content, repr(str(path)))

    @classmethod
    def from_dict(cls, content: Any, source: str = "the sweep") -> SweepSettings:
        """Settings from plain values.

        Raises:
            SettingsError: as for :meth:`load`.
        """
        if not isinstance(content, Mapping) or not {"fit", "options"} <= content.keys() <= set(KEYS):
            raise SettingsError(f"{source} must be a mapping with `fit`, `options` and, optionally, `sampler`.")
        layers, given = content["fit"], content["options"]
        if not isinstance(layers, list) or not layers or not all(isinstance(layer, (str, Mapping)) for layer in layers):
            raise SettingsError(f"`fit` of {source} must be a list of configuration files and inline settings, got {layers!r}.")
        if not isinstance(given, Mapping) or not given:
            raise SettingsError(
                f"`options` of {source} must give values by option, such as model.optimizer.lr: [0.1, 0.01], got {given!r}."
            )
        options = {str(name): values_of(str(name), values) for name, values in given.items()}
        found = cls(layers, options, _sampler(content.get("sampler", "GridSampler"), source), dict(content))
        if found.sampler.count(options) > MOST_TRIALS:
            raise SettingsError(f"{source} asks for {found.sampler.count(options):,} trainings, and at most {MOST_TRIALS:,} are run.")
        return found


def _sampler(given: Any, source: str) -> Sampler:
    settings = {"class_path": given} if isinstance(given, str) else given
    if not isinstance(settings, Mapping) or settings.get("class_path") not in (*SAMPLERS, *SAMPLERS.values()):
        raise SettingsError(f"`sampler` of {source} must be one of {', '.join(SAMPLERS)}, with `init_args` if any, got {given!r}.")
    path = settings["class_path"]
    made: Sampler = instantiate({**settings, "class_path": SAMPLERS.get(path, path)}, of_kind=Sampler)
    return made
