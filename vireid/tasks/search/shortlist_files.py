"""The shortlist of a search as a table and a picture in its run directory."""

from __future__ import annotations

import logging
from pathlib import Path

from vireid.files import write_text_atomically
from vireid.results.shortlist import Tried, describe, shortlist_csv, shortlist_of
from vireid.structures import Genotype

SHORTLIST_FILE = "shortlist.csv"
SHORTLIST_PICTURE = "shortlist.png"

logger = logging.getLogger(__name__)


def write_shortlist(folder: Path, genotype: Genotype) -> None:
    """Write ``shortlist.csv`` and ``shortlist.png``; nothing for a genotype that was chosen without a shortlist.

    Raises:
        OutputError: a file cannot be written.
    """
    tried = shortlist_of(genotype)
    if tried:
        write_text_atomically(folder / SHORTLIST_FILE, shortlist_csv(tried))
        draw_shortlist(folder / SHORTLIST_PICTURE, tried)


def draw_shortlist(path: Path, tried: list[Tried]) -> None:
    """One line for every point, the best at the top: mAP of its forks with the standard error over people, and who named it.

    Without matplotlib (extra ``plots``) nothing is drawn, which is logged.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        logger.info("No %s: drawing the shortlist needs matplotlib, pip install 'vireid[plots]'.", path.name)
        return
    figure = Figure(figsize=(9.0, 1.6 + 0.36 * len(tried)), layout="constrained")
    axis = figure.subplots()
    lengths = sorted({length for one in tried for length in one.forks}, key=float)
    for number, length in enumerate(lengths):
        places = [place for place, one in enumerate(tried) if length in one.forks]
        values = [100 * tried[place].forks[length][0] for place in places]
        errors = [100 * (tried[place].forks[length][1] or 0.0) for place in places]
        shift = 0.12 * (number - (len(lengths) - 1) / 2)
        axis.errorbar(
            values, [place + shift for place in places], xerr=errors, fmt="os"[number % 2], capsize=3, label=f"{length} of a training"
        )
    names = [f"{describe(one.stages)}  ({', '.join(one.proposers)})" for one in tried]
    axis.set_yticks(range(len(tried)), names, fontsize=8)
    for label, one in zip(axis.get_yticklabels(), tried, strict=True):
        label.set_fontweight("bold" if one.chosen else "normal")
    axis.invert_yaxis()
    axis.set(xlabel="mAP on held-out people, percent (bars: standard error over people)", title="What was tried; the answer is bold")
    axis.grid(axis="x", alpha=0.3)
    axis.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=120)
