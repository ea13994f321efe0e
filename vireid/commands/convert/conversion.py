"""The conversion of one checkpoint: build the network, fill it, report what fitted, write the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from rich.table import Table
from torch import Tensor

from vireid.errors import CheckpointError, OutputError
from vireid.models import StateReport
from vireid.models.published.loading import read_state, shown
from vireid.models.published.systems import SYSTEMS, PublishedSystem
from vireid.printable import printable
from vireid.settings import instantiate
from vireid.tasks import ReIDModule, SafeCheckpointIO
from vireid.terminal import console, say


def convert(options: Namespace) -> int:
    """Convert one file; ``options`` are those of the command. Returns its exit code.

    Raises:
        OutputError: the output exists, or cannot be written.
        CheckpointError: the file does not hold the network that the options describe.
    """
    system = SYSTEMS[options.system]
    if Path(options.output).exists():
        raise OutputError(f"{options.output!r} exists, and nothing is overwritten. Name another file with --output.")
    state = {name.removeprefix("module."): value for name, value in read_state(options.source, options.key).items()}
    module = build(options, system, state)
    report = load(module, system, state, options.source)
    console().print(report_table(report, len(state)))
    if not options.partial:
        check_complete(report, options.source)
    write(module, options.output)
    say(f"Wrote {printable(options.output)}")
    say(_advice(options))
    return 0


def add_model_options(parser: ArgumentParser) -> None:
    """Add the options of the network. The number of classes is left out, because it comes from the file."""
    parser.add_subclass_arguments(ReIDModule, "model", skip={"num_classes"})


def build(options: Namespace, system: PublishedSystem, state: Mapping[str, Tensor]) -> ReIDModule:
    """The task that ``options`` describe, with as many classes as ``state`` has, and random weights."""
    settings: dict[str, Any] = options.model.as_dict()
    classes = next((value.shape[0] for name, value in state.items() if f".{name}".endswith(f".{system.classifier}")), 0)
    settings["init_args"] |= {"num_classes": classes, "weights": None, "ema": None}
    module = instantiate(settings)
    assert isinstance(module, ReIDModule)  # the parser takes nothing else
    return module


def load(module: ReIDModule, system: PublishedSystem, state: Mapping[str, Tensor], source: str) -> StateReport:
    """Copy the state into the network.

    Raises:
        CheckpointError: entries have other shapes, or no entry fits.
    """
    try:
        report = system.load(module.network, state)
    except ValueError as error:
        raise CheckpointError(f"{source!r} holds another network than the configuration describes: {error}") from error
    if len(report.unused) + len(report.ignored) >= len(state):
        raise CheckpointError(f"No entry of {source!r} fits; its names are {shown(list(state))}. Is --from right?")
    return report


def check_complete(report: StateReport, source: str) -> None:
    """Refuse a file that does not fill the whole network: mostly it is of another project or variant.

    Raises:
        CheckpointError: entries of the file or of the network have no counterpart.
    """
    missing = [name for name in report.missing if not name.endswith("num_batches_tracked")]
    if missing or report.unused:
        raise CheckpointError(
            f"{source!r} does not fill this network: {len(missing)} entries of the network are not in the file, {len(report.unused)} of "
            "the file have no place here (the table names them). Check --from and the configuration, or accept it by --partial true."
        )


def _advice(options: Namespace) -> str:
    """The command to go on with, and whose image size it names: a data configuration need not share the recipe's."""
    recipe = (options.data or {}).get("init_args", {})
    sizes = {name: recipe[name] for name in ("height", "width") if name in recipe}
    given = "".join(f" --data.{name} {value}" for name, value in sizes.items())
    command = f"Go on with: vireid test -c data/NAME.yaml --data.root PATH{given} --ckpt {options.output}"
    whose = " and ".join(f"{name} {value}" for name, value in sizes.items())
    return f"{command}\n{whose} are the recipe's. The file does not tell its own: give those it was trained with." if sizes else command


def report_table(report: StateReport, entries: int) -> Table:
    """Counts and names of what fitted and what did not."""
    table = Table("entries", "count", "names", title=f"{entries} entries in the file")
    taken = entries - len(report.unused) - len(report.ignored)
    table.add_row("taken from the file", str(taken), "")
    table.add_row("of the file, not used by its own network", str(len(report.ignored)), shown(list(report.ignored)))
    table.add_row("of the file, without a place here", str(len(report.unused)), shown(report.unused))
    table.add_row("of this network, not in the file (random)", str(len(report.missing)), shown(report.missing))
    return table


def write(module: ReIDModule, path: str) -> None:
    """Write a checkpoint that ``vireid test --ckpt`` reads."""
    checkpoint: dict[str, Any] = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": version("pytorch-lightning"),
        "state_dict": module.state_dict(),
    }
    module.on_save_checkpoint(checkpoint)
    SafeCheckpointIO().save_checkpoint(checkpoint, path)
