"""Figures of matplotlib as SVG inside a page, in the colours of the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vireid.errors import SettingsError
from vireid.plots.style import BLUE, GREEN, GRID, INDIGO, INK, MUTED, ORANGE, PURPLE, SKY, VERMILION
from vireid.report.markup import Child, Markup, tag

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    BLUE: "blue",
    VERMILION: "vermilion",
    GREEN: "green",
    PURPLE: "purple",
    ORANGE: "orange",
    SKY: "sky",
    INDIGO: "indigo",
    "#9aa5b1": "grey",
}
COLOURS = re.compile("|".join(VARIABLES))
IDS = re.compile(r' id="[A-Za-z0-9.]+_\d+"')
FONT: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, sharp, and read aloud
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.unicode_minus": False,
    "hatch.linewidth": 0.4,
    "path.simplify": True,
}
HALF, WIDE, THIRD = (4.6, 3.0), (9.4, 2.6), (3.1, 2.4)  # sizes
MISSING = "A report needs matplotlib: pip install 'vireid[report]' (in a clone: pip install '.[report]')."


def check_matplotlib() -> None:
    """Raise ``SettingsError`` with the command that installs matplotlib, if it is absent."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError:
        raise SettingsError(MISSING) from None


def figure(draw: Callable[[Axes], object], size: tuple[float, float], alt: str, caption: Child = None, wide: bool = False) -> Markup:
    """A figure with its caption.

    Args:
        draw: draws on axes.
        size: width and height in inches, at which text has 8 points.
        alt: what a reader who does not see it must know.
        caption: text below.
        wide: whether it takes the whole width of the page.
    """
    picture = Markup(_svg(draw, size, alt))
    return tag("figure", picture, tag("figcaption", caption) if caption else None, class_="wide" if wide else None)


def _svg(draw: Callable[[Axes], object], size: tuple[float, float], alt: str) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    file = io.StringIO()
    with warnings.catch_warnings(), rc_context({**FONT, "svg.hashsalt": alt}):  # ids are equal in every run, and differ between figures
        canvas = Figure(figsize=size, layout="constrained", facecolor="none")
        axes = canvas.subplots()
        axes.set_facecolor("none")
        draw(axes)
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the browser has other fonts
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    whole = file.getvalue()
    width, height = (72 * side for side in size)
    inner = re.sub(r"<metadata>.*?</metadata>", "", whole[whole.index(">", whole.index("<svg")) + 1 :], flags=re.DOTALL)
    inner = IDS.sub("", COLOURS.sub(lambda found: f"var(--{VARIABLES[found[0]]})", inner))
    inner = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1var(--font)", inner)
    inner = re.sub(r"\n\s*", "\n", inner)
    start = tag("svg", role="img", aria_label=alt, viewBox=f"0 0 {width:g} {height:g}", style=f"max-width:{1.45 * width:g}px")
    return f"{start.removesuffix('</svg>')}{inner.strip()}"
