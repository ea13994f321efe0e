"""Pictures of genotypes: one glyph per site and stage, in the terminal and as a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.table import Table
from rich.text import Text

from vireid.files import write_picture
from vireid.structures import Genotype
from vireid.structures.looks import columns_of, looks, stages


def stage_table(genotypes: Mapping[str, Genotype]) -> Table:
    """One row per genotype, one column per stage, one glyph per site."""
    known = looks(genotypes.values())
    legend = "  ".join(f"{glyph} {candidate}" for candidate, (glyph, _) in known.items())
    title = Text(f"One glyph per site: {legend}", no_wrap=True, overflow="ignore")  # a small table must not break it
    table = Table(title=title, title_justify="left")
    table.add_column("network", overflow="fold")
    columns = columns_of(genotypes.values())
    for stage in columns:
        table.add_column(stage, overflow="fold")
    for label, genotype in genotypes.items():
        by_stage = stages(genotype)
        table.add_row(label, *(_glyphs(by_stage.get(stage, []), known) for stage in columns))
    return table


def _glyphs(sites: list[tuple[str, str]], known: Mapping[str, tuple[str, str]]) -> Text:
    text = Text()
    for _, candidate in sites:
        glyph, colour = known[candidate]
        text.append(glyph, style=colour)
    return text


def draw_genotypes(genotypes: Mapping[str, Genotype], path: Path, scores: Mapping[str, str] | None = None) -> bool:
    """Draw the picture of the stage table as a PNG file; whether it was drawn. Without matplotlib (extra ``report``) it is not.

    Args:
        genotypes: genotypes by the label of their row.
        path: file to write.
        scores: text to the right of a row, e.g. its mAP.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return False
    from vireid.plots.genotypes import architecture, size_of

    figure = Figure(figsize=size_of(genotypes), layout="constrained")
    architecture(genotypes, figure.subplots(), scores)
    write_picture(path, partial(figure.savefig, format="png", dpi=150))
    return True
