"""CMC curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vireid.plots.sources import Source, row_of
from vireid.plots.style import BLUE, dress, legend, plain
from vireid.results.cmc import cmc_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKED = (1, 5, 10, 20)


def cmc(
    source: Source | NDArray[np.floating],
    axes: Axes,
    protocol: str | None = None,
    label: str | None = None,
    color: str = BLUE,
    line: Any = "-",
    ranks: int = 20,
) -> Axes:
    """Draw the CMC curve of a test: the mean over the trials, and a band from the lowest to the highest trial.

    Call it again with the same axes for another test.

    Args:
        source: a folder or results; or ``(trials, ranks)`` curves as fractions.
        axes: of matplotlib.
        protocol: row of the results; ``None`` for the first.
        label: text of the legend; ``None`` for none.
        color: of the curve.
        line: style of the curve, as matplotlib takes it.
        ranks: largest rank.

    Raises:
        ResultsError: see :func:`vireid.results.read_results`, or there is no such row.

    Example::

        axes = Figure().subplots()
        cmc("runs/child", axes, label="searched")
    """
    if isinstance(source, np.ndarray):
        places, curves = np.arange(1, source.shape[1] + 1), source
    else:
        places, curves = cmc_curves(row_of(source, protocol)[1], ranks)
    percent = 100 * curves
    if len(percent) > 1:
        axes.fill_between(places, percent.min(0), percent.max(0), color=color, alpha=0.18, linewidth=0)
    marked = [number for number, place in enumerate(places.tolist()) if place in MARKED]
    name = None if label is None else plain(label)
    axes.plot(places, percent.mean(0), color=color, linestyle=line, linewidth=1.6, marker="o", markevery=marked, markersize=3.5, label=name)
    dress(axes, xlabel="rank", ylabel="CMC, percent")
    axes.set_xticks([place for place in MARKED if place <= places.max()])
    axes.set_ylim(min(axes.get_ylim()[0], float(percent.min()) - 2), 100.5)
    legend(axes, "lower right")
    return axes
