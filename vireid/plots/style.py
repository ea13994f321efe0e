"""Colours and axes of all figures. The colours are those of Okabe and Ito, which colour-blind eyes tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vireid.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
INDIGO = "#5b4fa2"  # of infrared
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))  # beside the colour, for print in grey
INK, MUTED, GRID, PAPER = "#1c2126", "#5f6873", "#e2e5e9", "#ffffff"
DASH = "\N{EN DASH}"  # of what is not there
LONGEST = 120  # characters of a text
SIZE = 8  # of text, in points: readable at the width of one column


def dress(axes: Axes, title: str = "", xlabel: str = "", ylabel: str = "", grid: str = "y") -> None:
    """Give axes the look of all figures: no box, a light grid behind the data, small text.

    Args:
        axes: of matplotlib.
        title, xlabel, ylabel: texts; empty for none.
        grid: ``x``, ``y``, ``both`` or empty.
    """
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)
    axes.tick_params(length=0, labelsize=SIZE, colors=MUTED, pad=4)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.7)  # type: ignore[arg-type]  # one of matplotlib's words
    axes.set_title(plain(title), fontsize=SIZE + 1, color=INK, loc="left")
    axes.set_xlabel(plain(xlabel), fontsize=SIZE, color=MUTED)
    axes.set_ylabel(plain(ylabel), fontsize=SIZE, color=MUTED)


Where = Literal["best", "lower right", "lower left", "upper right"]


def legend(axes: Axes, where: Where = "best") -> None:
    """A legend without a frame, if there is anything to name."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=where, frameon=False, fontsize=SIZE, labelcolor=INK, handlelength=1.6)


def epochs_only(axes: Axes) -> None:
    """Ticks of a horizontal axis at whole numbers, which count epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def plain(text: str) -> str:
    """Text that matplotlib does not read as a formula, and that holds no control characters; the end of a very long one is left out."""
    shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return printable(shown).replace("$", r"\$")
