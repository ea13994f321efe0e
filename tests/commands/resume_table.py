"""What becomes of every setting of tasks, data modules and the Trainer when a run goes on: ``python -m tests.commands.resume_table``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import vireid.data
import vireid.tasks
from tests.arguments.test_arguments import arguments
from vireid.commands.resume_settings import decide
from vireid.commands.trainer import Trainer
from vireid.data.modules.loading import BatchDataModule
from vireid.settings import class_path
from vireid.tasks import ReIDModule, TaskEvaluation

BASES = (ReIDModule, BatchDataModule, TaskEvaluation)
COLUMNS = {"allowed": "may change", "rounds": "changes the last digits", "longer": "may grow", "refused": "refused when changed"}


def deciding_classes() -> list[type]:
    """Every task, data module and evaluation that a user can name, and our Trainer."""
    named = [getattr(module, name) for module in (vireid.tasks, vireid.data) for name in module.__all__]
    return [cls for cls in named if isinstance(cls, type) and issubclass(cls, BASES) and not inspect.isabstract(cls)] + [Trainer]


def arguments_by_owner(cls: type) -> Iterator[tuple[type, list[str]]]:
    """Arguments of a class by the class whose constructor names them, in their order."""
    if cls is Trainer:
        names = [name for base in (Trainer, Trainer.__mro__[1]) for name in inspect.signature(vars(base)["__init__"]).parameters]
        yield Trainer, [name for name in dict.fromkeys(names) if name not in ("self", "lightning")]
        return
    for owner, names in arguments(cls):
        yield owner, [name for name in inspect.signature(owner.__init__).parameters if name in names]


def decisions() -> dict[type, dict[str, str]]:
    """What is decided of every argument, by the class that names it."""
    found: dict[type, dict[str, str]] = {}
    for cls in deciding_classes():
        for owner, names in arguments_by_owner(cls):
            found.setdefault(owner, {}).update({name: decide(owner, name) for name in names})
    return {owner: names for owner, names in found.items() if names}


def table() -> str:
    """The decisions in Markdown."""
    lines = [f"| arguments of | {' | '.join(COLUMNS.values())} |", f"|---|{'---|' * len(COLUMNS)}"]
    for owner, names in decisions().items():
        cells = [", ".join(f"`{name}`" for name, decided in names.items() if decided == kind) for kind in COLUMNS]
        lines.append(f"| {_title(owner)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _title(owner: type[Any]) -> str:
    return "`--trainer`" if owner is Trainer else f"`{class_path(owner).removeprefix('vireid.').split('.')[-1]}`"


if __name__ == "__main__":
    print(table())
