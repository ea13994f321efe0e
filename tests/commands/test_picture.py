"""Pictures of genotypes."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from rich.console import Console

from vireid.commands.picture import CELL, GAP, GLYPHS, HEAD, LABEL, ROW, UNKNOWN, draw_genotypes, stage_table, stages
from vireid.search import BNSeparation
from vireid.structures import Genotype

BASELINES = BNSeparation("resnet10").baselines()
GENOTYPES = {name: BASELINES[name] for name in ("all_shared", "all_separate", "stem_separate")}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def colour_of(image: Image.Image, row: int, stage: int, site: int) -> tuple[int, ...]:
    """Colour in the middle of a cell; ResNet-10 has a stem, two sites in stage 1 and three in each other."""
    before = sum((1, 2, 3, 3, 3)[:stage])
    x = LABEL + CELL * (before + site) + GAP * stage + CELL // 2 - 1
    pixel = image.getpixel((x, HEAD + ROW * row + ROW // 2 - 2))
    assert isinstance(pixel, tuple)
    return pixel


def test_stages_come_in_order() -> None:
    found = stages(BASELINES["all_shared"])
    assert {stage: len(sites) for stage, sites in found.items()} == {"stem": 1, "layer1": 2, "layer2": 3, "layer3": 3, "layer4": 3}
    assert found["layer2"][2] == ("layer2.0.downsample.1", "shared_bn")


def test_the_file_has_one_cell_per_site_in_the_colour_of_its_candidate(tmp_path: Path) -> None:
    draw_genotypes(GENOTYPES, tmp_path / "deep" / "picture.png", {"all_shared": "mAP 1.0"})
    image = Image.open(tmp_path / "deep" / "picture.png")
    assert image.size == (LABEL + 12 * CELL + 5 * GAP + 110, HEAD + ROW * 4)
    shared, separate = rgb(GLYPHS["shared_bn"][1]), rgb(GLYPHS["separate_bn"][1])
    cells = [(stage, site) for stage, count in enumerate((1, 2, 3, 3, 3)) for site in range(count)]
    assert {colour_of(image, 0, *cell) for cell in cells} == {shared}
    assert {colour_of(image, 1, *cell) for cell in cells} == {separate}
    assert [colour_of(image, 2, *cell) for cell in cells] == [separate] + [shared] * 11


def test_scores_take_room_only_if_given(tmp_path: Path) -> None:
    draw_genotypes(GENOTYPES, tmp_path / "picture.png")
    assert Image.open(tmp_path / "picture.png").size[0] == LABEL + 12 * CELL + 5 * GAP + 10


def test_an_unknown_candidate_is_black(tmp_path: Path) -> None:
    draw_genotypes({"other": Genotype({"class_path": "x"}, {"bn1": "new_norm"})}, tmp_path / "picture.png")
    assert colour_of(Image.open(tmp_path / "picture.png"), 0, 0, 0) == rgb(UNKNOWN[1])


def test_the_table_has_one_row_per_genotype_and_one_glyph_per_site() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(stage_table(GENOTYPES))
    rows = [line for line in console.export_text().splitlines() if "all_" in line or "stem_" in line]
    assert [(row.count("█"), row.count("·")) for row in rows] == [(0, 12), (12, 0), (1, 11)]
