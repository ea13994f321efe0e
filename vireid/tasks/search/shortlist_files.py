"""The shortlist of a search as a table and a picture in its run directory."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from vireid.files import write_picture, write_text_atomically
from vireid.plots.forks import shortlist
from vireid.plots.style import SIZE
from vireid.results.shortlist import Tried, shortlist_csv, shortlist_of
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
    """Draw :func:`vireid.plots.shortlist` as a PNG. Without matplotlib (extra ``report``) nothing is drawn, and the log says so."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        logger.info("No %s: drawing the shortlist needs matplotlib, pip install 'vireid[report]'.", path.name)
        return
    figure = Figure(figsize=(9.0, 1.8 + 0.4 * len(tried)), layout="constrained")
    axes = shortlist(tried, figure.subplots(), width=60)
    axes.set_title("What was tried; the answer is bold. Bars: standard error of the difference to the best.", fontsize=SIZE + 1)
    write_picture(path, partial(figure.savefig, format="png", dpi=120))
