"""``vireid genotype``: look at genotype files and convert them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli
from rich.table import Table

from vireid.commands.command_line import with_flag
from vireid.commands.genotype_certainty import certainty_table, least_certain, probabilities_of
from vireid.commands.genotype_sites import cost_table, site_cost_table, ties
from vireid.commands.parser import ShortErrors
from vireid.commands.picture import stage_table
from vireid.errors import GenotypeError, OutputError
from vireid.printable import printable
from vireid.results.shortlist import shortlist_of, shortlist_table
from vireid.search.genotype_files.formats import read_genotype, target_format
from vireid.structures import Genotype
from vireid.terminal import console, say


def main(words: list[str]) -> int:
    """Run ``vireid genotype ...``; ``words[0]`` is ``genotype``."""
    commands: dict[str, Any] = {"show": show, "diff": diff, "validate": validate, "convert": convert}
    return int(auto_cli(commands, args=with_flag(words[1:], "--cost"), prog="vireid genotype", parser_class=ShortErrors))


def show(path: str, backbone: str | None = None, cost: bool = False) -> int:
    """Draw a genotype: one glyph per site, by stage. Then show what else the file holds: which sites are tied, what the genotype and its
    sites cost, and how sure the search was.

    Args:
        path: a genotype file, ours or of a published system.
        backbone: backbone of a .cfg or .txt list; resnet50 and osnet_ain_x1_0 by default.
        cost: compute ties and cost from the search space, instead of reading them from the file; takes a few seconds.
    """
    genotype = _read(path, backbone)
    console().print(stage_table({printable(Path(path).name): genotype}))
    counts = ", ".join(f"{count} {candidate}" for candidate, count in sorted(Counter(genotype.choices.values()).items()))
    say(f"{len(genotype.choices)} sites: {counts}")
    _show_sites(genotype, ask=cost)
    if probabilities_of(genotype):
        console().print(certainty_table(genotype))
        say(f"Least certain: {least_certain(genotype)}")
    for key in ("seed", "epoch", "data"):
        if key in genotype.provenance:
            value = genotype.provenance[key]
            say(f"{key}: { {k: v for k, v in value.items() if not isinstance(v, list)} if isinstance(value, dict) else value }")
    return 0


def _show_sites(genotype: Genotype, ask: bool) -> None:
    """Show ties and cost from the file, or from its space; for the latter, the genotype must be a point of the space."""
    if ask:
        try:
            genotype = _asked(genotype)
        except GenotypeError as error:
            say(f"No cost: {error}")
            return
    if tied := ties(genotype):
        free = len(genotype.choices) - sum(len(sites) - 1 for sites in tied.values())
        say(f"{free} free choices; tied: {', '.join(f'{group} ({len(sites)})' for group, sites in tied.items())}")
    if tried := shortlist_of(genotype):
        console().print(shortlist_table(tried))
    if (table := cost_table(genotype)) is not None:
        console().print(table)
    else:
        say("The file tells no cost; --cost asks its search space.")
    if (by_site := site_cost_table(genotype)) is not None:
        console().print(by_site)


def _asked(genotype: Genotype) -> Genotype:
    from vireid.search.provenance import with_site_provenance
    from vireid.search.space import space_of

    return with_site_provenance(space_of(genotype), genotype)


def diff(first: str, second: str, backbone: str | None = None) -> int:
    """List the sites at which two genotypes differ; exit code 1 when they do.

    Args:
        first: a genotype file.
        second: another genotype file.
        backbone: backbone of .cfg and .txt lists.
    """
    differences = _read(first, backbone).diff(_read(second, backbone))
    if not differences:
        console().print("The genotypes are equal.")
        return 0
    table = Table("site", printable(first), printable(second), title=f"{len(differences)} sites differ")
    for site, (mine, theirs) in differences.items():
        table.add_row(printable(site), mine or "-", theirs or "-")
    console().print(table)
    return 1


def validate(path: str, backbone: str | None = None) -> int:
    """Check a genotype against its space. Everything that is wrong is listed, and the exit code is then 2.

    Args:
        path: a genotype file.
        backbone: backbone of a .cfg or .txt list.
    """
    from vireid.search.space import space_of

    genotype = _read(path, backbone)
    space_of(genotype).validate(genotype)
    say(f"{printable(path)} is a valid genotype of {genotype.space['class_path']}.")
    return 0


def convert(source: str, target: str, to: str | None = None, backbone: str | None = None) -> int:
    """Convert between genotype.json and files of published systems. The endings of the names give the formats: .cfg is the list of CM-NAS,
    .txt holds the six class names of OSNet-AIN.

    Args:
        source: file to read.
        target: file to write; it must not exist.
        to: format of a .json target: vireid (the default), or cdnet for the JSON of CNet and CDNet.
        backbone: backbone of a .cfg or .txt list.
    """
    genotype, kind = _read(source, backbone), target_format(target, to)
    if Path(target).exists():
        raise OutputError(f"{target!r} exists, and nothing is overwritten. Name another file.")
    kind.write(genotype, target)
    say(f"Wrote {printable(target)}")
    return 0


def _read(path: str, backbone: str | None) -> Genotype:
    return read_genotype(path, {} if backbone is None else {"backbone": backbone})
