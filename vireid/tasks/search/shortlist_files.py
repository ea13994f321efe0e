"""The shortlist of a search as a table and a picture in its run directory."""

from __future__ import annotations

import logging
import math
from functools import partial
from pathlib import Path
from textwrap import wrap

from vireid.files import write_picture, write_text_atomically
from vireid.results.shortlist import Tried, describe, shortlist_csv, shortlist_of
from vireid.structures import Genotype

SHORTLIST_FILE = "shortlist.csv"
SHORTLIST_PICTURE = "shortlist.png"

logger = logging.getLogger(__name__)


def write_shortlist(folder: Path, genotype: Genotype) -> None:
    """Write ``shortlist.csv`` and ``shortlist.png``. A genotype that was chosen without a shortlist gets no file.

    Raises:
        OutputError: a file cannot be written.
    """
    tried = shortlist_of(genotype)
    if tried:
        write_text_atomically(folder / SHORTLIST_FILE, shortlist_csv(tried))
        draw_shortlist(folder / SHORTLIST_PICTURE, tried)


def draw_shortlist(path: Path, tried: list[Tried]) -> None:
    """Draw one line for every point, the best at the top: mAP of its forks, and what proposed it.

    A bar is the standard error of the difference to the best, paired by person. The spread over people is the same for all points, so it
    would hide how far apart they are. Without matplotlib (extra ``report``) nothing is drawn, and the log says so.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        logger.info("No %s: drawing the shortlist needs matplotlib, pip install 'vireid[report]'.", path.name)
        return
    figure = Figure(figsize=(9.0, 1.8 + 0.4 * len(tried)), layout="constrained")
    axis = figure.subplots()
    lengths = sorted({length for one in tried for length in one.forks}, key=float)
    for number, length in enumerate(lengths):
        reached = [(place, one.forks[length][0]) for place, one in enumerate(tried) if length in one.forks]
        places, values = [place for place, _ in reached], [math.nan if value is None else 100 * value for _, value in reached]
        errors = [_error(tried[place], length) for place in places]
        axis.errorbar(values, places, xerr=errors, fmt="os"[number % 2], capsize=3, label=f"after {length} of a training")
    names = ["\n".join(wrap(f"{describe(one.stages)} ({', '.join(one.proposers)})", 60)) for one in tried]
    axis.set_yticks(range(len(tried)), names, fontsize=8)
    for label, one in zip(axis.get_yticklabels(), tried, strict=True):
        label.set_fontweight("bold" if one.chosen else "normal")
    axis.invert_yaxis()
    axis.set_title("What was tried; the answer is bold", fontsize=10)
    figure.supxlabel("mAP on held-out people, percent. Bars: standard error of the difference to the best.", fontsize=9)
    axis.grid(axis="x", alpha=0.3)
    axis.legend(loc="best", fontsize=8)
    write_picture(path, partial(figure.savefig, format="png", dpi=120))


def _error(one: Tried, length: str) -> float:
    """Standard error of the difference to the best, in percent; 0 for a fork that a longer one followed."""
    known = one.behind[1] if one.behind is not None and length == max(one.forks, key=float) else None
    return 100 * (known or 0.0)
