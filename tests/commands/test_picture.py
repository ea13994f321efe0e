"""Pictures of genotypes."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from vireid.commands.picture import draw_genotypes, stage_table
from vireid.nn import CANDIDATES
from vireid.search import BNSeparation, JointNorm, OSNetAIN
from vireid.structures import Genotype
from vireid.structures.looks import GLYPHS, OTHERS, PLACEMENTS, stages

BASELINES = BNSeparation("resnet10").baselines()
GENOTYPES = {name: BASELINES[name] for name in ("all_shared", "all_separate", "stem_separate")}


def test_stages_come_in_order() -> None:
    found = stages(BASELINES["all_shared"])
    assert {stage: len(sites) for stage, sites in found.items()} == {"stem": 1, "layer1": 2, "layer2": 3, "layer3": 3, "layer4": 3}
    assert found["layer2"][2] == ("layer2.0.downsample.1", "shared_bn")


def test_the_file_is_a_picture(tmp_path: Path) -> None:
    assert draw_genotypes(GENOTYPES, tmp_path / "deep" / "picture.png", {"all_shared": "mAP 1.0"})
    with Image.open(tmp_path / "deep" / "picture.png") as image:
        assert image.size[0] > image.size[1] > 100


def test_without_matplotlib_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not draw_genotypes(GENOTYPES, tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())


def test_candidates_without_a_glyph_are_numbered() -> None:
    others = {"other": Genotype({"class_path": "x"}, {"cells.0": "new_norm", "cells.1": "newer_norm", "cells.2": "shared_bn"})}
    text = printed(others, width=100)
    assert "· shared_bn  1 new_norm  2 newer_norm" in text
    assert "12·" in text
    many = Genotype({"class_path": "x"}, {f"cells.{number}": f"kind {number:02d}" for number in range(40)})
    assert "1 kind 31" in printed({"many": many}, width=2000)  # they begin again rather than run out


def test_the_placements_of_osnet_ain_have_glyphs() -> None:
    sites = [site.name for site in OSNetAIN("x0_25").sites()]
    point = OSNetAIN("x0_25").genotype(dict(zip(sites, ("none", "in", "out", "inout", "in", "none"), strict=True)))
    text = printed({"point": point}, width=100)
    assert "i in  - none  o out  x inout" in text
    assert "-i" in text


def test_the_table_has_one_row_per_genotype_and_one_glyph_per_site() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(stage_table(GENOTYPES))
    rows = [line for line in console.export_text().splitlines() if "all_" in line or "stem_" in line]
    assert [(row.count("█"), row.count("·")) for row in rows] == [(0, 12), (12, 0), (1, 11)]


def printed(genotypes: dict[str, Genotype], **options: Any) -> str:
    console = Console(file=io.StringIO(), record=True, **options)
    console.print(stage_table(genotypes))
    return console.export_text()


def mixed(backbone: str = "resnet50") -> Genotype:
    """Every candidate in turn."""
    names = [site.name for site in JointNorm(backbone=backbone).sites()]
    return Genotype({"class_path": "x"}, {name: CANDIDATES[i % 5] for i, name in enumerate(names)})


def test_every_candidate_has_a_glyph_of_its_own_shape_and_colour() -> None:
    assert tuple(GLYPHS) == CANDIDATES
    for kinds in zip(*GLYPHS.values(), strict=True):
        assert len(set(kinds)) == 5
    glyphs = [glyph for glyph, _ in (*GLYPHS.values(), *PLACEMENTS.values())]
    assert len({*glyphs, *OTHERS}) == len(glyphs) + len(OTHERS)


def test_without_colours_the_picture_says_the_same() -> None:
    text = printed({"mixed": mixed("resnet18")}, width=100, no_color=True, color_system=None)
    assert "· shared_bn  █ separate_bn  i in  b ibn  B separate_ibn" in text
    row = next(line for line in text.splitlines() if "mixed" in line)
    assert row.replace("│", " ").split()[1:] == ["·", "█ibB", "·█ibB", "·█ibB", "·█ibB"]


def test_a_resnet50_fits_into_100_columns() -> None:
    text = printed({"genotype.json": mixed(), "all_separate": JointNorm().baselines()["all_separate"]}, width=100)
    rows = [line for line in text.splitlines() if "genotype.json" in line or "all_separate" in line]
    assert rows[1].count("█") == 53
    assert [len(cell.strip()) for cell in rows[0].strip("│").split("│")[1:]] == [1, 10, 13, 19, 10]


def test_a_deep_network_wraps_and_loses_nothing() -> None:
    text = printed({"deep": JointNorm(backbone="resnet152").baselines()["all_separate"]}, width=80)
    assert text.count("█") == 155 + 1  # and the legend


def test_networks_with_other_sites_stay_in_their_columns() -> None:
    part = BNSeparation("resnet10", sites=["layer2.*"]).baselines()["all_separate"]
    text = printed({"part": part, **GENOTYPES}, width=100)
    assert next(line for line in text.splitlines() if "part" in line).count("█") == 3
    head = next(line for line in text.splitlines() if "layer1" in line)
    assert [cell.strip() for cell in head.strip("┃").split("┃")] == ["network", "stem", "layer1", "layer2", "layer3", "layer4"]
