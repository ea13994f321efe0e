"""A run that goes on is compared with its checkpoint before it starts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from vireid.commands.resume_settings import Changed, changes
from vireid.data import BatchDataModule
from vireid.errors import SettingsError
from vireid.settings import settings_of
from vireid.tasks import ReIDModule
from vireid.tasks.checkpoints import SECTION
from vireid.tasks.run_length import over_the_run

ROUNDS = "the last digits are other ones from here on, so that this run equals no uninterrupted one bit by bit."
INEXACT = "the machine chooses kernels, so that this run equals an uninterrupted one only up to the last digits."
MOST_EPOCHS = 10_000  # that are looked at, whatever a file says


def check_resumed(
    checkpoint: str, content: Mapping[str, Any], task: ReIDModule, data: BatchDataModule, trainer: Mapping[str, Any]
) -> list[str]:
    """Refuse to go on with other settings than those of the checkpoint.

    Args:
        checkpoint: name of the file.
        content: what it holds.
        task: the module that is trained.
        data: its data.
        trainer: arguments of its Trainer, as :func:`~vireid.commands.resume_settings.run_settings` gives them.

    Returns:
        Warnings, of a run that goes on but equals no uninterrupted one, or that cannot be compared.

    Raises:
        SettingsError: a setting has changed that may not change. The message names all of them, and the way to use the new ones.
    """
    section = content[SECTION]
    now = json.loads(json.dumps({"model": settings_of(task), "data": settings_of(data), "trainer": trainer}))
    found = changes(section, now)
    if refused := [change for change in found if change.refused]:
        raise SettingsError(_refusal(checkpoint, refused))
    unknown = [part for part in ("data", "trainer") if not isinstance(section.get(part), Mapping)]
    warnings = [f"{checkpoint!r} does not tell the settings of its {' and '.join(unknown)}: they are not compared."] if unknown else []
    warnings += [f"{change}: {ROUNDS}" for change in found if change.rounds]
    if inexact := [name for name in _inexact(now) if name not in {change.name for change in found}]:
        warnings.append(f"{' and '.join(f'`{name}`' for name in inexact)}: {INEXACT}")
    for change in found:
        if change.name == "trainer.max_epochs":
            begun = min(int(content.get("epoch", 0)) + 1, int(change.before), MOST_EPOCHS)
            spanning = over_the_run(task, int(change.before), int(change.after), begun)
            warnings += [_warning(change, spanning)] if spanning else []
    return warnings


def _inexact(now: Mapping[str, Any]) -> list[str]:
    """Settings under which the same numbers may be rounded otherwise in another process."""
    of_model, of_trainer = now["model"]["init_args"], now["trainer"]
    found = {"model.compile": of_model.get("compile"), **{f"trainer.{name}": of_trainer.get(name) for name in ("benchmark", "tf32")}}
    return [name for name, value in found.items() if value]


def _refusal(checkpoint: str, refused: list[Changed]) -> str:
    lines = [f"  {change}" for change in refused] if len(refused) <= 2 else ["  " + "; ".join(map(str, refused))]
    return "\n".join(
        [
            f"{checkpoint!r} is of a run with other settings, and a run goes on with its own only:",
            *lines,
            "To go on, give them as they were; config.yaml beside `checkpoints` has all. To use the new ones, begin a new run with the",
            "weights of the old one: the same command without --ckpt_path, and with",
            f"  --model.weights {shlex.quote(checkpoint)} --run_dir NEW_FOLDER",
        ]
    )


def _warning(change: Changed, spanning: list[str]) -> str:
    return f"{change}: {' and '.join(spanning)} goes over the whole run, so that this run equals no uninterrupted one."
