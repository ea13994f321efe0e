"""``vireid convert``: checkpoints of published projects into ours."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.table import Table
from torch import Tensor

from vireid.commands.configs import packaged_configs, resolve_configs
from vireid.errors import CheckpointError, OutputError, SettingsError
from vireid.models import StateReport
from vireid.models.published.loading import read_state, shown
from vireid.models.published.systems import SYSTEMS, PublishedSystem
from vireid.settings import instantiate
from vireid.tasks import ReIDModule, SafeCheckpointIO

EPILOGUE = (
    "The network is built as the system's packaged configuration says; further -c files and --model options change it. "
    "Nothing in the file is executed."
)


def main(words: list[str]) -> int:
    """Run ``vireid convert ...``; ``words[0]`` is ``convert``."""
    options = _parser().parse_args([*_default_config(words), *resolve_configs(words[1:])])
    system = SYSTEMS[options.system]
    check_decided(options.system, words)
    if Path(options.output).exists():
        raise OutputError(f"{options.output!r} exists, and nothing is overwritten. Name another file with --output.")
    state = {name.removeprefix("module."): value for name, value in read_state(options.source, options.key).items()}
    module = build(options, system, state)
    report = load(module, system, state, options.source)
    console = Console()
    console.print(report_table(report, len(state)))
    if not options.partial:
        check_complete(report, options.source)
    write(module, options.output)
    console.print(f"Wrote {options.output}", highlight=False, soft_wrap=True)
    size = _input_size(options)
    console.print(
        f"Go on with: vireid test -c data/NAME.yaml --data.root PATH{size} --ckpt {options.output}", highlight=False, soft_wrap=True
    )
    return 0


def check_decided(name: str, words: list[str]) -> None:
    """What a state dict does not say must be said.

    Raises:
        SettingsError: it is not.
    """
    undecided = SYSTEMS[name].undecided
    given = {f"--model.{undecided[0]}", f"--model.init_args.{undecided[0]}", "-c", "--config"} if undecided else set()
    if undecided and not any(word.split("=")[0] in given for word in words):
        raise SettingsError(f"A checkpoint of {name} does not say {undecided[1]}. Add --model.{undecided[0]}.")


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
        CheckpointError: entries of other shapes, or nothing fits.
    """
    try:
        report = system.load(module.network, state)
    except ValueError as error:
        raise CheckpointError(f"{source!r} holds another network than the configuration describes: {error}") from error
    if len(report.unused) + len(report.ignored) >= len(state):
        raise CheckpointError(f"Not one entry of {source!r} fits; its names are {shown(list(state))}. Is --from right?")
    return report


def check_complete(report: StateReport, source: str) -> None:
    """A network that the file fills only in part is mostly that of another project or variant.

    Raises:
        CheckpointError: entries of either side have no counterpart.
    """
    missing = [name for name in report.missing if not name.endswith("num_batches_tracked")]
    if missing or report.unused:
        raise CheckpointError(
            f"{source!r} does not fill this network: {len(missing)} entries of the network are not in the file, {len(report.unused)} of "
            "the file have no place here (the table names them). Check --from and the configuration, or accept it by --partial true."
        )


def _input_size(options: Namespace) -> str:
    """Options for the size of the images that the recipe trains on, which a data configuration need not share."""
    recipe = (options.data or {}).get("init_args", {})
    return "".join(f" --data.{name} {recipe[name]}" for name in ("height", "width") if name in recipe)


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
    """A checkpoint that ``vireid test --ckpt`` takes."""
    checkpoint: dict[str, Any] = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": version("pytorch-lightning"),
        "state_dict": module.state_dict(),
    }
    module.on_save_checkpoint(checkpoint)
    SafeCheckpointIO().save_checkpoint(checkpoint, path)


def _default_config(words: list[str]) -> list[str]:
    """The system's own configuration, as options that come before the user's."""
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--from", dest="system")
    name = first.parse_known_args(words)[0].system
    return ["--config", str(packaged_configs() / SYSTEMS[name].config)] if name in SYSTEMS else []


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="vireid convert", description="Convert a checkpoint of a published project.", epilog=EPILOGUE)
    parser.add_argument("source", type=str, help="the file")
    parser.add_argument("--from", dest="system", required=True, choices=list(SYSTEMS), help="the project")
    parser.add_argument("--output", type=str, required=True, help="checkpoint to write; it must not exist")
    parser.add_argument("--key", type=str | None, default=None, help="where the file keeps the state dict, such as ema; default: found")
    parser.add_argument("--partial", type=bool, default=False, help="accept a file that does not fill the whole network, or holds more")
    parser.add_argument("-c", "--config", action="config", help="configuration of the network")
    parser.add_subclass_arguments(ReIDModule, "model", skip={"num_classes"})  # the file says it
    for section in ("data", "trainer"):
        parser.add_argument(f"--{section}", type=dict | None, default=None, help="in configurations only, where it is left aside")
    return parser
