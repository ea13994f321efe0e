"""The space of embeddings: a map by modality and by person, and the gap between the modalities."""

from __future__ import annotations

import importlib.util
from functools import partial

from vireid import plots
from vireid.plots.map_of_embeddings import By, Method
from vireid.report.figures import HALF, figure
from vireid.report.markup import Markup, tag
from vireid.report.tables import cell, table
from vireid.report.told import Page, Tested, note, section
from vireid.results.details import Images
from vireid.results.embedding_space import MOST, ModalityGap, modality_gap

MEANING = (
    "The modality gap is the distance of the mean visible from the mean infrared embedding, at unit length: 0 if there is none, 2 at most "
    "(Liang et al., NeurIPS 2022)."
)


def space(page: Page) -> Markup | None:
    """Maps of the first test, and the gaps of all."""
    images = page.first.results.images if page.tested else None
    if images is None or len(images.pids) < 3:
        return None
    drawn = "" if len(images.pids) <= MOST else f" {MOST:,} of {len(images.pids):,} images are drawn, by a fixed seed."
    told = tag("p", f"Every point is an image; circles are visible, triangles infrared.{drawn}")
    maps = [_map(images, "modality"), _map(images, "person")]
    if importlib.util.find_spec("sklearn") is not None:
        maps += [_map(images, "modality", "tsne"), _map(images, "person", "tsne")]
    gaps = [
        (each, gap) for each in page.tested if each.results.images is not None and (gap := modality_gap(each.results.images)) is not None
    ]
    return section("space", "The space of embeddings" + page.named, told, tag("div", *maps, class_="pair"), _gaps(gaps))


def _map(images: Images, by: By, method: Method = "pca") -> Markup:
    kind = {"pca": "principal axes", "tsne": "t-SNE"}[method]
    people = "; colours are the six people with the most images, a line joins the centres of both modalities" if by == "person" else ""
    draw = partial(plots.embedding_map, images, by=by, method=method)
    return figure(draw, HALF, f"Map of the embeddings by {by}, {kind}{people}.", f"By {by}, {kind}{people}.")


def _gaps(gaps: list[tuple[Tested, ModalityGap]]) -> Markup | None:
    if not gaps:
        return note("There is no modality gap to show: fewer than two people have images of both modalities.")
    if len(gaps) == 1:
        gap = gaps[0][1]
        said = (
            f" Here it is {gap.gap:.2f}, over {gap.count} people. A person's visible images are {gap.same:.2f} from the same person's "
            f"infrared ones, and two people of one modality are {gap.people:.2f} apart."
        )
        return tag("p", MEANING, tag("b", said))
    head = ["run", "modality gap", "same person, other modality", "two people, one modality", "people"]
    rows = [
        [each.label, *(cell(f"{value:.2f}", value) for value in (gap.gap, gap.same, gap.people)), cell(str(gap.count), gap.count)]
        for each, gap in gaps
    ]
    return tag("div", tag("p", MEANING), table(head, rows, numbers=1))
