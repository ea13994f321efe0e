"""Pictures of genotypes: one glyph per site and stage, in the terminal and as a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.table import Table
from rich.text import Text

from vireid.structures import Genotype

GLYPHS = {
    "shared_bn": ("·", "#9aa5b1"),
    "separate_bn": ("█", "#d9480f"),
    "in": ("i", "#1971c2"),
    "ibn": ("b", "#2f9e44"),
    "separate_ibn": ("B", "#9c36b5"),
}
UNKNOWN = ("?", "#000000")
CELL, ROW, LABEL, HEAD, GAP = 14, 30, 190, 46, 18


def stages(genotype: Genotype) -> dict[str, list[tuple[str, str]]]:
    """``(site, candidate)`` by stage: ``stem``, ``layer1``, ... in the order of the genotype."""
    found: dict[str, list[tuple[str, str]]] = {}
    for site, candidate in genotype.choices.items():
        stage = site.split(".")[0] if "." in site else "stem"
        found.setdefault(stage, []).append((site, candidate))
    return found


def stage_table(genotypes: Mapping[str, Genotype]) -> Table:
    """One row per genotype, one column per stage, one glyph per site."""
    used = sorted({candidate for genotype in genotypes.values() for candidate in genotype.choices.values()})
    legend = "  ".join(f"{GLYPHS.get(candidate, UNKNOWN)[0]} {candidate}" for candidate in used)
    table = Table(title=f"One glyph per norm site: {legend}", title_justify="left")
    table.add_column("network")
    names = list(dict.fromkeys(stage for genotype in genotypes.values() for stage in stages(genotype)))
    for name in names:
        table.add_column(name)
    for label, genotype in genotypes.items():
        by_stage = stages(genotype)
        table.add_row(label, *(_glyphs(by_stage.get(name, [])) for name in names))
    return table


def _glyphs(sites: list[tuple[str, str]]) -> Text:
    text = Text()
    for _, candidate in sites:
        glyph, colour = GLYPHS.get(candidate, UNKNOWN)
        text.append(glyph, style=colour)
    return text


def draw_genotypes(genotypes: Mapping[str, Genotype], path: Path, scores: Mapping[str, str] | None = None) -> None:
    """The same picture as a PNG file, drawn with Pillow.

    Args:
        genotypes: rows by label.
        path: file to write.
        scores: text to the right of a row, e.g. its mAP.
    """
    first = next(iter(genotypes.values()))
    widths = {stage: CELL * len(sites) + GAP for stage, sites in stages(first).items()}
    width = LABEL + sum(widths.values()) + (110 if scores else 10)
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
        left = LABEL
        for stage, sites in stages(genotype).items():
            for i, (_, candidate) in enumerate(sites):
                x = left + CELL * i
                draw.rectangle((x, top + 3, x + CELL - 3, top + ROW - 8), fill=GLYPHS.get(candidate, UNKNOWN)[1])
            left += widths.get(stage, 0)
        if scores:
            draw.text((left, top + 4), scores.get(label, ""), fill="#343a40", font=font)
    _legend(draw, font, HEAD + ROW * len(genotypes), genotypes)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _legend(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, top: int, shown: Mapping[str, Genotype]) -> None:
    used = [c for c in GLYPHS if any(c in genotype.choices.values() for genotype in shown.values())]
    left = LABEL
    for candidate in used:
        draw.rectangle((left, top + 4, left + CELL - 3, top + 4 + CELL), fill=GLYPHS[candidate][1])
        draw.text((left + CELL + 4, top + 2), candidate, fill="#343a40", font=font)
        left += 130
