"""Detection error trade-off: people missed against strangers accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vireid.metrics import Searches, det_curve
from vireid.plots.sources import Source, kept, row_of
from vireid.plots.style import BLUE, MUTED, SIZE, dress, legend, plain
from vireid.results.searches import searches_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = (0.001, 0.01, 0.1, 1.0)


def det(
    source: Source | Searches, axes: Axes, protocol: str | None = None, label: str | None = None, color: str = BLUE, line: Any = "-"
) -> Axes:
    """Draw FNIR at rank 1 over FPIR: the share of people who are missed if strangers pass in so many searches.

    The searches of all trials are taken together. Dots are the operating points that the test reports.

    Args:
        source: a folder or results; or searches.
        axes: of matplotlib.
        protocol: row of the results; ``None`` for the first.
        label: text of the legend; ``None`` for none.
        color: of the curve.
        line: style of the curve, as matplotlib takes it.

    Raises:
        ResultsError: there is no such row, or it was tested by an older vireid.

    Example::

        axes = Figure().subplots()
        det("runs/child", axes)
    """
    points: list[tuple[float, float]] = []
    if isinstance(source, Searches):
        searches = source
    else:
        run, row = row_of(source, protocol)
        searches = kept(searches_of(row), run, "scores of strangers")
        targets = dict.fromkeys(point.target for trial in row.open_set for point in trial)
        points = [(target, missed) for target in targets if (missed := row.fnir(target)) is not None]
    _, false_alarms, misses = det_curve(searches)
    least = 1 / np.isfinite(searches.non_mated).sum()
    axes.plot(
        np.maximum(false_alarms, least),
        100 * misses,
        color=color,
        linestyle=line,
        linewidth=1.6,
        label=None if label is None else plain(label),
    )
    for target, missed in points:
        axes.plot(target, 100 * missed, "o", color=color, markersize=4)
        if label is None:
            axes.annotate(f"{100 * missed:.0f}", (target, 100 * missed), (4, 4), textcoords="offset points", fontsize=SIZE - 1, color=MUTED)
    dress(axes, xlabel="strangers accepted (FPIR), percent", ylabel="people missed (FNIR), percent", grid="both")
    axes.set_xscale("log")
    ticks = [share for share in SHOWN if share >= least] or [1.0]
    axes.set_xticks(ticks, [f"{100 * share:g}" for share in ticks])
    axes.minorticks_off()
    axes.set_ylim(0, 100)
    legend(axes, "lower left")
    return axes
