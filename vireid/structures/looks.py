"""How genotypes look in tables and pictures: a glyph and a colour for every candidate, and sites by stage."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

from vireid.structures.genotype import Genotype
from vireid.structures.stages import stages_of

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
