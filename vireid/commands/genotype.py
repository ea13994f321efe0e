"""``vireid genotype``: look at genotype files and convert them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table

from vireid.commands.genotype_certainty import certainty_table, least_certain, probabilities_of
from vireid.commands.picture import stage_table
from vireid.errors import GenotypeError, OutputError
from vireid.search import space_of
from vireid.search.genotype_files.formats import read_genotype, target_format
from vireid.structures import Genotype
from vireid.structures.sites import groups


def main(words: list[str]) -> int:
    """Run ``vireid genotype ...``; ``words[0]`` is ``genotype``."""
    commands: dict[str, Any] = {"show": show, "diff": diff, "validate": validate, "convert": convert}
    return int(auto_cli(commands, args=words[1:], prog="vireid genotype"))


def show(path: str, backbone: str | None = None) -> int:
    """Draw a genotype: one glyph per site, by stage. Below it, what it costs and how sure the search was.

    Args:
        path: a genotype file, ours or of a published system.
        backbone: of a .cfg list; resnet50 by default.
    """
    genotype = read_genotype(path, backbone)
    console = Console()
    console.print(stage_table({Path(path).name: genotype}))
    counts = ", ".join(f"{count} {candidate}" for candidate, count in sorted(Counter(genotype.choices.values()).items()))
    _say(console, f"{len(genotype.choices)} sites: {counts}")
    _show_space(console, genotype)
    if probabilities_of(genotype):
        console.print(certainty_table(genotype))
        _say(console, f"Least certain: {least_certain(genotype)}")
    for key in ("seed", "epoch", "data"):
        if key in genotype.provenance:
            value = genotype.provenance[key]
            _say(console, f"{key}: { {k: v for k, v in value.items() if not isinstance(v, list)} if isinstance(value, dict) else value }")
    return 0


def _show_space(console: Console, genotype: Genotype) -> None:
    """Ties and cost, for which the genotype must be a point of its space; a picture does not need it."""
    try:
        space = space_of(genotype)
        cost = space.cost(genotype)
    except GenotypeError as error:
        _say(console, f"No cost: {error}")
        return
    free = groups(space.sites())
    if len(free) < len(genotype.choices):
        _say(console, f"{len(free)} free choices; tied: {', '.join(f'{m[0].group} ({len(m)})' for m in free if len(m) > 1)}")
    table = Table("cost", "", title_justify="left", show_header=False)
    for name, value in cost.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value:.4f}")
    console.print(table)


def diff(first: str, second: str, backbone: str | None = None) -> int:
    """List the sites at which two genotypes differ; exit code 1 when they do.

    Args:
        first: a genotype file.
        second: another.
        backbone: of .cfg and .txt lists.
    """
    differences = read_genotype(first, backbone).diff(read_genotype(second, backbone))
    console = Console()
    if not differences:
        console.print("The genotypes are equal.")
        return 0
    table = Table("site", first, second, title=f"{len(differences)} sites differ")
    for site, (mine, theirs) in differences.items():
        table.add_row(site, mine or "-", theirs or "-")
    console.print(table)
    return 1


def validate(path: str, backbone: str | None = None) -> int:
    """Check a genotype against its space; everything that is wrong is listed, with exit code 2.

    Args:
        path: a genotype file.
        backbone: of a .cfg or .txt list.
    """
    genotype = read_genotype(path, backbone)
    space_of(genotype).validate(genotype)
    _say(Console(), f"{path} is a valid genotype of {genotype.space['class_path']}.")
    return 0


def convert(source: str, target: str, to: str | None = None, backbone: str | None = None) -> int:
    """Convert between genotype.json and files of published systems, by the endings of the names: .cfg is the list of CM-NAS, .txt the six
    class names of OSNet-AIN.

    Args:
        source: file to read.
        target: file to write; it must not exist.
        to: format of the target where its ending leaves a choice: vireid (the default of .json) or cdnet, the JSON of CNet and CDNet.
        backbone: of a .cfg or .txt list.
    """
    genotype, format_ = read_genotype(source, backbone), target_format(target, to)
    if Path(target).exists():
        raise OutputError(f"{target!r} exists, and nothing is overwritten. Name another file.")
    format_.write(genotype, target)
    _say(Console(), f"Wrote {target}")
    return 0


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
