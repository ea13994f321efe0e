"""The course of a search as a picture."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from vireid.files import write_picture
from vireid.plots.search_course import certainty, probabilities
from vireid.plots.style import SIZE
from vireid.results.course import read_course
from vireid.tasks.search.course import PICTURE_FILE

logger = logging.getLogger(__name__)


def draw_architecture(folder: Path) -> Path | None:
    """Draw ``architecture.png`` beside the files that ``log_architecture`` wrote.

    A map for every candidate (its probability, sites down, epochs across), and below them mean entropy and margin.

    Returns:
        The path of the picture, or ``None`` if there is nothing to draw, or no matplotlib (extra ``report``), which the log says.
    """
    course = read_course(folder)
    if course is None:
        return None
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        logger.info("No %s: drawing the search needs matplotlib, pip install 'vireid[report]'.", PICTURE_FILE)
        return None
    names, height = list(course.probabilities), 2.0 + 0.14 * len(course.stages)
    figure = Figure(figsize=(max(6.0, 3.2 * len(names)), height + 2.0), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[height, 2.0])
    maps, curves = parts
    for axes, name in zip(maps.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        probabilities(course, axes, name)
    maps.suptitle("Probability of each candidate by site: white is 0, orange is 1", fontsize=SIZE + 1)
    certainty(course, curves.subplots())
    write_picture(folder / PICTURE_FILE, partial(figure.savefig, format="png", dpi=120))
    return folder / PICTURE_FILE
