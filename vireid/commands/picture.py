"""Pictures of genotypes: one glyph per site and stage, in the terminal and as a PNG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from vireid.files import write_picture
from vireid.structures import Genotype
from vireid.structures.stages import stages_of

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

GLYPHS = {  # every glyph has another shape, for eyes and terminals without colours; the colours are those of Okabe and Ito
    "shared_bn": ("·", "#9aa5b1"),
    "separate_bn": ("█", "#d55e00"),
    "in": ("i", "#0072b2"),
    "ibn": ("b", "#009e73"),
    "separate_ibn": ("B", "#cc79a7"),
}
PLACEMENTS = {"none": ("-", "#9aa5b1"), "out": ("o", "#e69f00"), "inout": ("x", "#56b4e9")}  # of OSNet-AIN, beside its "in"
OTHERS = "123456789acdefghjklmnpqrstuvwyz"  # for candidates without a glyph of their own, such as the kernels of CDNet
OTHER_COLOURS = ("#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
CELL, ROW, LABEL, HEAD, GAP, KEY = 14, 30, 190, 46, 18, 130


def stages(genotype: Genotype) -> dict[str, list[tuple[str, str]]]:
    """``(site, candidate)`` by stage: ``stem``, ``layer1``, ... in the order of the genotype."""
    found: dict[str, list[tuple[str, str]]] = {}
    names = stages_of(genotype)
    for site, candidate in genotype.choices.items():
        found.setdefault(names[site], []).append((site, candidate))
    return found


def columns_of(genotypes: Iterable[Genotype]) -> dict[str, int]:
    """Stages that any genotype has, the stem first, each with the largest number of sites that one genotype has there."""
    counts: dict[str, int] = {}
    for genotype in genotypes:
        counts.update({stage: max(len(sites), counts.get(stage, 0)) for stage, sites in stages(genotype).items()})
    return dict(sorted(counts.items(), key=lambda item: (item[0] != "stem", item[0])))


def looks(genotypes: Iterable[Genotype]) -> dict[str, tuple[str, str]]:
    """Glyph and colour of the candidates that are chosen somewhere: known ones in the order of the glyphs, then others by name."""
    used = {candidate for genotype in genotypes for candidate in genotype.choices.values()}
    known = {**GLYPHS, **PLACEMENTS}
    found = {candidate: look for candidate, look in known.items() if candidate in used}
    others = zip(sorted(used - set(known)), cycle(OTHERS), cycle(OTHER_COLOURS), strict=False)
    return {**found, **{candidate: (glyph, colour) for candidate, glyph, colour in others}}


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


def draw_genotypes(genotypes: Mapping[str, Genotype], path: Path, scores: Mapping[str, str] | None = None) -> None:
    """Draw the picture of the stage table as a PNG file, with Pillow.

    Args:
        genotypes: genotypes by the label of their row.
        path: file to write.
        scores: text to the right of a row, e.g. its mAP.
    """
    from PIL import Image, ImageDraw, ImageFont

    widths = {stage: CELL * count + GAP for stage, count in columns_of(genotypes.values()).items()}
    known = looks(genotypes.values())
    width = max(LABEL + sum(widths.values()) + (110 if scores else 10), LABEL + KEY * len(known))
    image = Image.new("RGB", (width, HEAD + ROW * (len(genotypes) + 1)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    left = LABEL
    for stage, extent in widths.items():
        draw.text((left, 16), stage, fill="#343a40", font=font)
        left += extent
    for number, (label, genotype) in enumerate(genotypes.items()):
        top = HEAD + ROW * number
        draw.text((10, top + 4), label, fill="#343a40", font=font)
        left, by_stage = LABEL, stages(genotype)
        for stage, extent in widths.items():
            for i, (_, candidate) in enumerate(by_stage.get(stage, [])):
                x = left + CELL * i
                draw.rectangle((x, top + 3, x + CELL - 3, top + ROW - 8), fill=known[candidate][1])
            left += extent
        if scores:
            draw.text((left, top + 4), scores.get(label, ""), fill="#343a40", font=font)
    _legend(draw, font, HEAD + ROW * len(genotypes), known)
    write_picture(path, partial(image.save, format="PNG"))


def _legend(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, top: int, known: Mapping[str, tuple[str, str]]
) -> None:
    for number, (candidate, (_, colour)) in enumerate(known.items()):
        left = LABEL + KEY * number
        draw.rectangle((left, top + 4, left + CELL - 3, top + 4 + CELL), fill=colour)
        draw.text((left + CELL + 4, top + 2), candidate, fill="#343a40", font=font)
