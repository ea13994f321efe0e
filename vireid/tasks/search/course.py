"""The course of a search as files in its run directory."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from vireid.files import write_text_atomically
from vireid.results.course import ARCHITECTURE_FILE, SUMMARY_FILE, read_rows
from vireid.search import ArchitectureParameters
from vireid.structures.stages import stage_name

PICTURE_FILE = "architecture.png"
COLUMNS = ("epoch", "site", "stage", "candidate", "probability", "entropy", "margin")
Row = Mapping[str, object]


def log_architecture(folder: Path, epoch: int, architecture: ArchitectureParameters, temperature: float, cost: Mapping[str, float]) -> None:
    """Add one epoch to ``architecture.csv`` and ``architecture_summary.csv``, which are written atomically.

    Rows of this epoch and of later ones are replaced, because a resumed run writes them again.

    Args:
        folder: the run directory.
        epoch: 0-based.
        architecture: parameters after this epoch.
        temperature: temperature in this epoch.
        cost: cost of the genotype that would be derived now, by name.

    Raises:
        OutputError: a file cannot be written.
    """
    add_epoch(folder / ARCHITECTURE_FILE, epoch, site_rows(epoch, architecture))
    means = {"entropy": architecture.entropy().mean().item(), "margin": architecture.margin().mean().item(), "temperature": temperature}
    counts = {f"count/{stage}/{name}": number for (stage, name), number in stage_counts(architecture).items()}
    costs = {f"cost/{name}": value for name, value in cost.items()}
    add_epoch(folder / SUMMARY_FILE, epoch, [{"epoch": epoch, **means, **costs, **counts}])


def site_rows(epoch: int, architecture: ArchitectureParameters) -> list[dict[str, object]]:
    """One row for every candidate of every site; entropy (nats) and margin are the site's."""
    entropies, margins = architecture.entropy().tolist(), architecture.margin().tolist()
    table = architecture.table()
    return [
        dict(zip(COLUMNS, (epoch, site.name, stage_name(site.stage), name, probability, entropy, margin), strict=True))
        for site, entropy, margin in zip(architecture.sites, entropies, margins, strict=True)
        for name, probability in zip(site.candidates, table[site.name], strict=True)
    ]


def stage_counts(architecture: ArchitectureParameters) -> dict[tuple[str, str], int]:
    """Sites of each stage that take each candidate, zeros included."""
    choices = architecture.choices()
    found = Counter((stage_name(site.stage), choices[site.name]) for site in architecture.sites)
    names = dict.fromkeys(name for site in architecture.sites for name in site.candidates)
    return {(stage, name): found[stage, name] for stage in dict.fromkeys(stage_name(s.stage) for s in architecture.sites) for name in names}


def add_epoch(path: Path, epoch: int, rows: Sequence[Row]) -> None:
    """Write the rows of earlier epochs that the file has, then ``rows``."""
    earlier: list[Row] = [row for row in read_rows(path) if int(row["epoch"]) < epoch]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows([*earlier, *rows])
    write_text_atomically(path, text.getvalue())
