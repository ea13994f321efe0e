"""Distances of pairs of images, by modalities, and mAP between cameras."""

from __future__ import annotations

from functools import partial

import numpy as np

from vireid import plots
from vireid.plots.distance_histogram import EDGES, Pair
from vireid.report.figures import HALF, THIRD, figure
from vireid.report.markup import Markup, joined, tag
from vireid.report.told import Page, note, percent, section
from vireid.results.details import PAIRS, CameraMatrix, ScoreCounts

ORDER: tuple[Pair, ...] = ("visible-infrared", "visible-visible", "infrared-infrared")
OLDER = "This test was made by an older vireid, which kept scores alone: no lists, no distances, no map. Run vireid test again to see them."


def distances(page: Page) -> Markup | None:
    """Histograms of genuine and impostor pairs."""
    if not page.tested:
        return None
    scores = page.first.results.details.scores
    if scores is None:
        return section("distances", "How far apart people are" + page.named, note(OLDER))
    shown = [_histogram(scores, pair) for pair in ORDER if scores.counts[PAIRS.index(pair)].sum()]
    sample = (
        ""
        if scores.images == scores.of
        else f" Of {scores.of:,} images, the pairs of {scores.images:,} are counted: people are drawn by a fixed seed."
    )
    told = f"All pairs of two test images. Where the histograms overlap, people are confused.{sample}"
    return section("distances", "How far apart people are" + page.named, tag("p", told), tag("div", *shown, class_="three"))


def _histogram(scores: ScoreCounts, pair: Pair) -> Markup:
    genuine, impostor = scores.counts[PAIRS.index(pair)]
    words = [f"{genuine.sum():,} pairs of one person{_median(genuine)}", f"{impostor.sum():,} of two people{_median(impostor)}"]
    said = ", ".join(words) + "."
    closer = _closer(genuine, impostor)
    if closer is not None:
        said += f" {percent(closer)} % of the pairs of two people are closer than the median pair of one person."
    return figure(partial(plots.distances, scores, pair=pair), THIRD, f"Histograms of cosine distances, {pair}: {said}", said)


def _median(counts: np.ndarray) -> str:
    return f" (median {_quantile(counts):.2f})" if counts.sum() else ""


def _quantile(counts: np.ndarray, share: float = 0.5) -> float:
    """Upper edge of the bin in which the share of the counts is reached."""
    return float(EDGES[1 + np.searchsorted(np.cumsum(counts), share * counts.sum())])


def _closer(genuine: np.ndarray, impostor: np.ndarray) -> float | None:
    """Share of impostor pairs up to the median genuine pair."""
    if not genuine.sum() or not impostor.sum():
        return None
    return float(impostor[EDGES[1:] <= _quantile(genuine) + 1e-9].sum() / impostor.sum())


def cameras(page: Page) -> Markup | None:
    """mAP between cameras, of the first row."""
    if not page.tested:
        return None
    row = page.first.results.results[0]
    matrix = page.first.results.details.cameras.get(row.protocol)
    if matrix is None or matrix.mean_ap.size == 0:
        return None
    size = (max(2.6, 0.9 + 0.42 * matrix.mean_ap.shape[1]), max(1.5, 0.8 + 0.42 * matrix.mean_ap.shape[0]))
    size = (min(size[0], HALF[0] * 1.6), min(size[1], HALF[1] * 2))
    said = _extremes(matrix)
    chart = figure(partial(plots.cameras, matrix), size, f"mAP between cameras, percent. {said}", said)
    told = tag(
        "p",
        "mAP, percent, of the queries of one camera among the gallery images of another; first trial of ",
        tag("code", row.protocol),
        ".",
    )
    return section("cameras", "Which cameras are hard" + page.named, joined(told, chart))


def _extremes(matrix: CameraMatrix) -> str:
    if np.isnan(matrix.mean_ap).all():
        return "No query has a match that counts."
    if np.isfinite(matrix.mean_ap).sum() == 1:
        return "There is one pair of cameras."
    places = [np.unravel_index(find(matrix.mean_ap), matrix.mean_ap.shape) for find in (np.nanargmin, np.nanargmax)]
    hard, easy = (
        f"camera {matrix.query_cameras[q]} in camera {matrix.gallery_cameras[g]} ({percent(matrix.mean_ap[q, g])} %)" for q, g in places
    )
    return f"Hardest: {hard}. Easiest: {easy}. A dash: the protocol counts no pair."
