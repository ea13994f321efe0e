"""Ranked lists and attention maps: pictures of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vireid.data.image_files import read_image
from vireid.errors import SettingsError
from vireid.plots.sources import Source, kept, row_of
from vireid.plots.style import GREEN, INK, MUTED, SIZE, VERMILION
from vireid.results.details import Images, Ranks, shown_queries
from vireid.results.files import RunResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT, WIDTH = 96, 48
GAP = 0.12  # between images, in widths
FRAMES = {"right": (GREEN, "-"), "wrong": (VERMILION, "--"), "ignored": (MUTED, ":")}


def ranked_lists(source: Source, axes: Axes, queries: Sequence[int] | None = None, count: int = 10, protocol: str | None = None) -> Axes:
    """Draw queries, each with its best entries: a green frame for the right person, a dashed red one for another, and a dotted grey one
    for an entry that the protocol does not count.

    Args:
        source: a folder or results; the images are read from the paths that the test wrote.
        axes: of matplotlib.
        queries: positions among the queries of the first trial; ``None`` for two of the hardest, median and easiest each.
        count: entries of a list, at most 50.
        protocol: row of the results; ``None`` for the first.

    Raises:
        ResultsError: there is no such row, or it was tested by an older vireid.
        SettingsError: a query is not there.
        DatasetNotFoundError, BadImageError: an image cannot be read.

    Example::

        axes = Figure().subplots()
        ranked_lists("runs/child", axes, queries=[0, 5], count=8)
    """
    run, row = row_of(source, protocol)
    run.check_rows()
    ranks = kept(run.details.ranks.get(row.protocol), run, "ranked lists")[0]
    images = kept(run.images, run, "images")
    if queries is None:
        shown = shown_queries(row.per_query[0].ap, row.per_query[0].pids, 2)
        queries = [int(place) for places in shown.values() for place in places]
    if wrong := [place for place in queries if not 0 <= place < len(ranks.query)]:
        raise SettingsError(f"`queries` must be 0 to {len(ranks.query) - 1}, got {wrong[0]}.")
    for line, place in enumerate(queries):
        _put(axes, run, images, int(ranks.query[place]), -1.0 - GAP, line)
        for rank in range(min(count, ranks.entries.shape[1])):
            entry = int(ranks.entries[place, rank])
            if entry >= 0:
                _put(axes, run, images, entry, rank * (1 + GAP), line, kind_of(ranks, images, place, rank))
    for rank in range(count):
        axes.text(rank * (1 + GAP) + 0.5, -0.12, str(rank + 1), ha="center", fontsize=SIZE - 1, color=MUTED)
    axes.text(-0.5 - GAP, -0.12, "query", ha="center", fontsize=SIZE - 1, color=INK)
    return _framed(axes, -1.1 - GAP, count * (1 + GAP), len(queries))


def attention(source: Source, axes: Axes, pairs: Sequence[int] | None = None) -> Axes:
    """Draw queries beside their best counted entries, and over both where they are alike: Grad-CAM of their cosine similarity.

    Args:
        source: a folder or results; the images are read from the paths that the test wrote.
        axes: of matplotlib.
        pairs: numbers of pairs, as ``queries.npz`` counts them; ``None`` for the first four.

    Raises:
        ResultsError: the results hold no attention maps.
        SettingsError: a pair is not there.
        DatasetNotFoundError, BadImageError: an image cannot be read.

    Example::

        axes = Figure().subplots()
        attention("runs/child", axes, pairs=[0, 1])
    """
    run, _ = row_of(source, None)
    run.check_rows()
    found, images = kept(run.details.attention, run, "attention maps"), kept(run.images, run, "images")
    pairs = list(range(min(4, len(found.query)))) if pairs is None else pairs
    if wrong := [number for number in pairs if not 0 <= number < len(found.query)]:
        raise SettingsError(f"`pairs` must be 0 to {len(found.query) - 1}, got {wrong[0]}.")
    for column, number in enumerate(pairs):
        for side, row in enumerate((found.query[number], found.entry[number])):
            left = column * (2 + 3 * GAP) + side * (1 + GAP / 2)
            _put(axes, run, images, int(row), left, 0)
            heat = np.zeros((*found.maps.shape[2:], 4))
            heat[..., :3], heat[..., 3] = (0.84, 0.37, 0.0), 0.75 * found.maps[number, side].astype(np.float64)
            axes.imshow(heat, extent=(left, left + 1, 1.94, 0.02), interpolation="bilinear", zorder=3)
        axes.text(column * (2 + 3 * GAP) + 1, -0.1, f"{found.similarity[number]:.2f}", ha="center", fontsize=SIZE, color=MUTED)
    return _framed(axes, -0.1, len(pairs) * (2 + 3 * GAP), 1)


def kind_of(ranks: Ranks, images: Images, place: int, rank: int) -> str:
    """``right``, ``wrong`` or ``ignored``: what an entry of a ranked list is."""
    if ranks.ignored[place, rank]:
        return "ignored"
    return "right" if images.pids[ranks.entries[place, rank]] == images.pids[ranks.query[place]] else "wrong"


def _pixels(run: RunResults, images: Images, row: int) -> NDArray[np.uint8]:
    settings = run.about.get("data") or {}
    pixel_range = settings.get("init_args", {}).get("pixel_range") if isinstance(settings, dict) else None
    return read_image(str(images.paths[row]), HEIGHT, WIDTH, None if pixel_range is None else (pixel_range[0], pixel_range[1]))


def _put(axes: Axes, run: RunResults, images: Images, row: int, left: float, line: float, kind: str = "") -> None:
    from matplotlib.patches import Rectangle

    box = (left, left + 1, 2.2 * line + 1.94, 2.2 * line + 0.02)
    faint = 0.45 if kind == "ignored" else 1.0
    axes.imshow(_pixels(run, images, row), extent=box, alpha=faint, interpolation="bilinear", zorder=2)
    if kind:
        color, style = FRAMES[kind]
        axes.add_patch(Rectangle((left, 2.2 * line), 1, 1.96, fill=False, edgecolor=color, linestyle=style, linewidth=1.6, zorder=4))


def _framed(axes: Axes, left: float, right: float, lines: int) -> Axes:
    axes.set_axis_off()
    axes.set_xlim(left, right)
    axes.set_ylim(2.2 * lines, -0.3)
    axes.set_aspect("equal")
    return axes
