"""The recipes of a study as ``vireid fit`` reads them. They are checked, and all defaults filled in, before anything runs."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # ships no type information

from vireid.commands.configs import resolve_configs
from vireid.commands.lightning import main as lightning
from vireid.errors import SettingsError
from vireid.files import write_text_atomically

VARIES = ("seed_everything", "run_dir", "ckpt_path")
"""Keys that may differ between the runs of a recipe. Seed and genotype of the model may differ too, see :func:`fixed_part`."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it


@dataclass(frozen=True)
class Recipe:
    """One training configuration.

    Attributes:
        name: name for error messages.
        words: ``-c FILE`` for every layer.
        resolved: everything that ``fit`` would do, without what varies between runs.
    """

    name: str
    words: tuple[str, ...]
    resolved: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """Settings of the data module."""
        return dict(self.resolved["data"])

    def model(self, argument: str) -> Any:
        """An argument of the task."""
        return self.resolved["model"].get("init_args", {}).get(argument)

    def device_words(self) -> tuple[str, ...]:
        """Options that run an evaluation on the device of the training."""
        trainer = self.resolved["trainer"]
        chosen = {name: trainer.get(name) for name in ("accelerator", "devices", "precision")}
        return tuple(
            f"--trainer.{name}={json.dumps(value) if isinstance(value, list) else value}" for name, value in chosen.items() if value
        )


def recipe(name: str, layers: Sequence[Any], folder: Path, options: Sequence[str] = ()) -> Recipe:
    """Write the inline layers to files, and let ``fit`` say what all layers together mean.

    Args:
        name: name of the recipe.
        layers: configuration files, by the names that ``fit`` takes, and inline settings.
        folder: folder for the files.
        options: further words, such as ``--data.height=64``.

    Raises:
        SettingsError: ``fit`` refuses the layers; the message gives its reason.
    """
    words: list[str] = []
    for number, layer in enumerate(layers):
        path = layer
        if not isinstance(layer, str):
            path = str(folder / f"{name}-{number}.yaml")
            write_text_atomically(Path(path), json.dumps(layer, indent=1) + "\n")  # JSON is YAML
        words += ["-c", path]
    words = [*resolve_configs(words), *options]
    return Recipe(name, tuple(words), fixed_part(_printed(name, words)))


def fixed_part(config: dict[str, Any]) -> dict[str, Any]:
    """A resolved configuration without seed, folder and genotype. It is equal for all runs of a recipe."""
    model = dict(config["model"])
    model["init_args"] = {
        key: value for key, value in (model.get("init_args") or {}).items() if key not in ("genotype", "seed", "num_classes")
    }
    data = dict(config["data"])
    data["init_args"] = {key: value for key, value in (data.get("init_args") or {}).items() if key != "seed"}
    return {**{key: value for key, value in config.items() if key not in VARIES}, "model": model, "data": data}


def read_config(path: Path) -> dict[str, Any]:
    """The configuration that a run wrote."""
    return dict(yaml.load(path.read_text(encoding="utf-8"), _Loader))


def _printed(name: str, words: Sequence[str]) -> dict[str, Any]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            lightning(["fit", *words, "--print_config"])
    except SettingsError as error:
        raise SettingsError(f"The recipe `{name}` is refused: {error}") from error
    except SystemExit as end:
        if end.code:
            raise
    content = yaml.load(said.getvalue(), _Loader)
    for part in ("model", "data"):
        if not isinstance(content.get(part), dict):
            raise SettingsError(f"The recipe `{name}` names no `{part}.class_path`: add a configuration that does.")
    return dict(content)
