"""Histograms of the distances of pairs of one person and of two people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from vireid.plots.sources import Source, kept, results_of
from vireid.plots.style import BLUE, DASH, VERMILION, dress, legend
from vireid.results.details import BINS, PAIRS, ScoreCounts
from vireid.settings.choices import check_choices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pair = Literal["visible-visible", "visible-infrared", "infrared-infrared"]
EDGES = np.linspace(0, 2, BINS + 1)


def distances(source: Source | ScoreCounts, axes: Axes, pair: Pair = "visible-infrared") -> Axes:
    """Draw how far apart pairs of images are: those of one person, and those of two people. Each histogram has area 1.

    Args:
        source: a folder or results; or counts.
        axes: of matplotlib.
        pair: modalities of the two images: ``visible-visible``, ``visible-infrared`` or ``infrared-infrared``.

    Raises:
        ResultsError: the results are of an older vireid.
        SettingsError: there is no such pair.

    Example::

        axes = Figure().subplots()
        distances("runs/child", axes, "visible-infrared")
    """
    check_choices({"pair": Pair}, {"pair": pair})
    if isinstance(source, ScoreCounts):
        scores = source
    else:
        run = results_of(source)
        scores = kept(run.details.scores, run, "counts of scores")
    used = np.flatnonzero(scores.counts[PAIRS.index(pair)].sum(0))
    for counts, label, color, hatch in zip(
        scores.counts[PAIRS.index(pair)], ("one person", "two people"), (BLUE, VERMILION), ("", "///"), strict=True
    ):
        total = counts.sum()
        if total:
            heights = counts / total * BINS / 2
            axes.stairs(heights, EDGES, fill=True, color=color, alpha=0.28, linewidth=0, hatch=hatch)
            axes.stairs(heights, EDGES, color=color, linewidth=1.3, label=label)
    dress(axes, title=pair.replace("-", f" {DASH} "), xlabel="cosine distance", ylabel="density", grid="")
    axes.set_yticks([])
    if len(used):
        axes.set_xlim(max(0, EDGES[used[0]] - 0.05), min(2, EDGES[used[-1] + 1] + 0.05))
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    legend(axes, "upper right")
    return axes
