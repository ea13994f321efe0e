"""Pictures of genotypes: one glyph per site and stage, in the terminal and as a PNG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.table import Table
from rich.text import Text

from vireid.structures import Genotype

GLYPHS = {  # every glyph has another shape, for eyes and terminals without colours; the colours are those of Okabe and Ito
    "shared_bn": ("·", "#9aa5b1"),
    "separate_bn": ("█", "#d55e00"),
    "in": ("i", "#0072b2"),
    "ibn": ("b", "#009e73"),
    "separate_ibn": ("B", "#cc79a7"),
}
UNKNOWN = ("?", "#000000")
CELL, ROW, LABEL, HEAD, GAP, KEY = 14, 30, 190, 46, 18, 130


def stages(genotype: Genotype) -> dict[str, list[tuple[str, str]]]:
    """``(site, candidate)`` by stage: ``stem``, ``layer1``, ... in the order of the genotype."""
    found: dict[str, list[tuple[str, str]]] = {}
    for site, candidate in genotype.choices.items():
        stage = site.split(".")[0] if "." in site else "stem"
        found.setdefault(stage, []).append((site, candidate))
    return found


def columns_of(genotypes: Iterable[Genotype]) -> dict[str, int]:
    """Stages that any genotype has, the stem first, and the most sites that one has there."""
    counts: dict[str, int] = {}
    for genotype in genotypes:
        counts.update({stage: max(len(sites), counts.get(stage, 0)) for stage, sites in stages(genotype).items()})
    return dict(sorted(counts.items(), key=lambda item: (item[0] != "stem", item[0])))


def candidates_of(genotypes: Iterable[Genotype]) -> list[str]:
    """Candidates that are chosen somewhere: known ones in the order of the glyphs, then others by name."""
    used = {candidate for genotype in genotypes for candidate in genotype.choices.values()}
    return [*(candidate for candidate in GLYPHS if candidate in used), *sorted(used - set(GLYPHS))]


def stage_table(genotypes: Mapping[str, Genotype]) -> Table:
    """One row per genotype, one column per stage, one glyph per site."""
    legend = "  ".join(f"{GLYPHS.get(candidate, UNKNOWN)[0]} {candidate}" for candidate in candidates_of(genotypes.values()))
    title = Text(f"One glyph per norm site: {legend}", no_wrap=True, overflow="ignore")  # a small table must not break it
    table = Table(title=title, title_justify="left")
    table.add_column("network", overflow="fold")
    columns = columns_of(genotypes.values())
    for stage in columns:
        table.add_column(stage, overflow="fold")
    for label, genotype in genotypes.items():
        by_stage = stages(genotype)
        table.add_row(label, *(_glyphs(by_stage.get(stage, [])) for stage in columns))
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
    widths = {stage: CELL * count + GAP for stage, count in columns_of(genotypes.values()).items()}
    candidates = candidates_of(genotypes.values())
    width = max(LABEL + sum(widths.values()) + (110 if scores else 10), LABEL + KEY * len(candidates))
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
                draw.rectangle((x, top + 3, x + CELL - 3, top + ROW - 8), fill=GLYPHS.get(candidate, UNKNOWN)[1])
            left += extent
        if scores:
            draw.text((left, top + 4), scores.get(label, ""), fill="#343a40", font=font)
    _legend(draw, font, HEAD + ROW * len(genotypes), candidates)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _legend(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, top: int, candidates: list[str]) -> None:
    for left, candidate in zip(range(LABEL, LABEL + KEY * len(candidates), KEY), candidates, strict=True):
        draw.rectangle((left, top + 4, left + CELL - 3, top + 4 + CELL), fill=GLYPHS.get(candidate, UNKNOWN)[1])
        draw.text((left + CELL + 4, top + 2), candidate, fill="#343a40", font=font)
