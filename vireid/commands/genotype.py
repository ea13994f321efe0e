"""``vireid genotype``: look at genotype files and convert them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table

from vireid.commands.picture import stage_table
from vireid.errors import OutputError, SettingsError
from vireid.search import space_of
from vireid.structures import Genotype


def main(words: list[str]) -> int:
    """Run ``vireid genotype ...``; ``words[0]`` is ``genotype``."""
    commands: dict[str, Any] = {"show": show, "diff": diff, "validate": validate, "convert": convert}
    return int(auto_cli(commands, args=words[1:], prog="vireid genotype"))


def show(path: str) -> int:
    """Draw a genotype: one glyph per site, by stage.

    Args:
        path: a genotype.json or a CM-NAS .cfg list (of ResNet-50).
    """
    genotype = _load(path)
    console = Console()
    console.print(stage_table({Path(path).name: genotype}))
    counts = ", ".join(f"{count} {candidate}" for candidate, count in sorted(Counter(genotype.choices.values()).items()))
    console.print(f"{len(genotype.choices)} sites: {counts}")
    for key in ("seed", "epoch", "data", "cost"):
        if key in genotype.provenance:
            value = genotype.provenance[key]
            shown = {k: v for k, v in value.items() if not isinstance(v, list)} if isinstance(value, dict) else value
            console.print(f"{key}: {shown}", highlight=False, soft_wrap=True)
    return 0


def diff(first: str, second: str) -> int:
    """List the sites at which two genotypes differ; exit code 1 when they do.

    Args:
        first: a genotype file.
        second: another.
    """
    differences = _load(first).diff(_load(second))
    console = Console()
    if not differences:
        console.print("The genotypes are equal.")
        return 0
    table = Table("site", first, second, title=f"{len(differences)} sites differ")
    for site, (mine, theirs) in differences.items():
        table.add_row(site, mine or "-", theirs or "-")
    console.print(table)
    return 1


def validate(path: str) -> int:
    """Check a genotype against its space; everything that is wrong is listed, with exit code 2.

    Args:
        path: a genotype file.
    """
    genotype = _load(path)
    space_of(genotype).validate(genotype)
    Console().print(f"{path} is a valid genotype of {genotype.space['class_path']}.", highlight=False, soft_wrap=True)
    return 0


def convert(source: str, target: str, backbone: str = "resnet50") -> int:
    """Convert between genotype.json and the one-line list of CM-NAS, by the endings of the names.

    Args:
        source: file to read, .json or .cfg.
        target: file to write, .cfg or .json; it must not exist.
        backbone: of a .cfg list.
    """
    genotype = _load(source, backbone)
    if Path(target).exists():
        raise OutputError(f"{target!r} exists, and nothing is overwritten. Name another file.")
    if target.endswith(".cfg"):
        genotype.to_cmnas_cfg(target)
    elif target.endswith(".json"):
        genotype.save(target)
    else:
        raise SettingsError(f"`target` must end in .json or .cfg, got {target!r}.")
    Console().print(f"Wrote {target}", highlight=False, soft_wrap=True)
    return 0


def _load(path: str, backbone: str = "resnet50") -> Genotype:
    return Genotype.from_cmnas_cfg(path, backbone) if path.endswith(".cfg") else Genotype.load(path)
