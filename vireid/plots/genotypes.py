"""Architectures: one cell per site, in columns by stage, one row per network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vireid.plots.style import GRID, INK, MUTED, SIZE, dress, plain
from vireid.structures import Genotype
from vireid.structures.looks import columns_of, looks, stages

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 1.2  # between stages, in cells
Genotypes = Mapping[str, Genotype | str | os.PathLike[str]]


def architecture(source: Genotype | str | os.PathLike[str] | Genotypes, axes: Axes, scores: Mapping[str, str] | None = None) -> Axes:
    """Draw which candidate every site takes, by stage.

    Args:
        source: a genotype or its file; or several by the label of their rows.
        axes: of matplotlib. Its height should be about 0.25 inches a row, and its width 0.11 inches a site.
        scores: text to the right of a row, such as its mAP, by label.

    Raises:
        MissingFileError, GenotypeError: see :meth:`vireid.Genotype.load`.

    Example::

        axes = Figure().subplots()
        architecture("runs/search/genotype.json", axes)
    """
    rows = source if isinstance(source, Mapping) else {"": source}
    genotypes = {label: each if isinstance(each, Genotype) else Genotype.load(each) for label, each in rows.items()}
    known, starts, width = looks(genotypes.values()), {}, 0.0
    for stage, count in columns_of(genotypes.values()).items():
        starts[stage] = width
        width += max(count, 0.62 * len(stage)) + GAP  # a name is at least as wide as its letters
        axes.text(starts[stage], -0.75, plain(stage), fontsize=SIZE, color=MUTED, va="center")
    for row, (label, genotype) in enumerate(genotypes.items()):
        axes.text(-1.0, row, plain(label), fontsize=SIZE, color=INK, ha="right", va="center")
        for stage, sites in stages(genotype).items():
            for number, (_, candidate) in enumerate(sites):
                glyph, color = known[candidate]
                _cell(axes, starts[stage] + number, row, color, "" if glyph in "█·" else glyph)
        axes.text(width, row, plain((scores or {}).get(label, "")), fontsize=SIZE, color=INK, va="center")
    _key(axes, known, len(genotypes) + 0.35)
    dress(axes, grid="")
    axes.set_axis_off()
    axes.set_xlim(-1.0 - 0.9 * max(map(len, genotypes)), width + 0.9 * max((len(text) for text in (scores or {}).values()), default=0))
    axes.set_ylim(len(genotypes) + 0.9, -1.3)
    return axes


def size_of(genotypes: Mapping[str, Genotype]) -> tuple[float, float]:
    """Width and height in inches at which the picture of these genotypes is readable."""
    cells = sum(max(count, 0.62 * len(stage)) + GAP for stage, count in columns_of(genotypes.values()).items())
    return max(4.5, 1.2 + 0.11 * cells + 0.075 * max(map(len, genotypes))), 0.8 + 0.26 * len(genotypes)


def _cell(axes: Axes, left: float, row: float, color: str, glyph: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, row - 0.36), 0.82, 0.72, facecolor=color, edgecolor=GRID, linewidth=0.4))
    if glyph:
        axes.text(left + 0.41, row, glyph, fontsize=SIZE - 2, color="#ffffff", ha="center", va="center_baseline")


def _key(axes: Axes, known: Mapping[str, tuple[str, str]], row: float) -> None:
    left = 0.0
    for candidate, (glyph, color) in known.items():
        _cell(axes, left, row, color, "" if glyph in "█·" else glyph)
        axes.text(left + 1.2, row, plain(candidate), fontsize=SIZE, color=MUTED, va="center")
        left += 2.8 + 0.62 * len(candidate)
