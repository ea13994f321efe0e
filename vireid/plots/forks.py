"""What a search tried before it answered: the mAP of short trainings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from vireid.plots.style import CYCLE, INK, SIZE, dress, legend, plain
from vireid.results.shortlist import Tried, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def shortlist(tried: Sequence[Tried], axes: Axes, width: int = 44) -> Axes:
    """Draw one line for every point, the best at the top: mAP of its forks on held-out people.

    A bar is the standard error of the difference to the best, paired by person. The spread over people is the same for all points, so it
    would hide how far apart they are.

    Args:
        tried: points, as ``shortlist_of`` lists them.
        axes: of matplotlib.
        width: letters of a line of a label.

    Example::

        axes = Figure().subplots()
        shortlist(tried, axes)
    """
    for number, length in enumerate(sorted({length for one in tried for length in one.forks}, key=float)):
        reached = [(place, one.forks[length][0]) for place, one in enumerate(tried) if length in one.forks]
        places, values = [place for place, _ in reached], [math.nan if value is None else 100 * value for _, value in reached]
        errors = [_error(tried[place], length) for place in places]
        label = f"after {length} of a training"
        color = CYCLE[number % len(CYCLE)]
        axes.errorbar(values, places, xerr=errors, fmt="os^v"[number % 4], color=color, capsize=2, markersize=4, linewidth=1, label=label)
    names = ["\n".join(wrap(plain(f"{describe(one.stages)} ({', '.join(one.proposers)})"), width)) for one in tried]
    dress(axes, xlabel="mAP on held-out people, percent", grid="x")
    axes.set_yticks(range(len(tried)), names, fontsize=SIZE)
    for text, one in zip(axes.get_yticklabels(), tried, strict=True):
        text.set_fontweight("bold" if one.chosen else "normal")
        text.set_color(INK)
    axes.set_ylim(len(tried) - 0.5, -0.5)
    legend(axes)
    return axes


def _error(one: Tried, length: str) -> float:
    """Standard error of the difference to the best, in percent; 0 for a fork that a longer one followed."""
    known = one.behind[1] if one.behind is not None and length == max(one.forks, key=float) else None
    return 100 * (known or 0.0)
