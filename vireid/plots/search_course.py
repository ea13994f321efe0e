"""The course of a search: probability of every candidate at every site, over the epochs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vireid.errors import MissingFileError, SettingsError
from vireid.plots.style import BLUE, MUTED, PAPER, SIZE, VERMILION, dress, epochs_only, legend, plain
from vireid.results.course import Course, read_course

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIGHT, DARK = np.array([0.96, 0.97, 0.98]), np.array([0.84, 0.37, 0.0])


def course_of(source: Course | str | os.PathLike[str]) -> Course:
    """The course that ``source`` is, or that its folder holds.

    Raises:
        MissingFileError: the folder holds none.
    """
    found = source if isinstance(source, Course) else read_course(Path(source))
    if found is None:
        raise MissingFileError(f"There is no course of a search in {os.fspath(source)!r}: name the folder of a search.")  # type: ignore[arg-type]
    return found


def probabilities(source: Course | str | os.PathLike[str], axes: Axes, candidate: str) -> Axes:
    """Draw the probability of one candidate: sites from top to bottom, epochs from left to right.

    Args:
        source: folder of a search; or its course.
        axes: of matplotlib.
        candidate: such as ``separate_bn``.

    Raises:
        MissingFileError: the folder holds no course of a search.
        SettingsError: there is no such candidate.

    Example::

        axes = Figure().subplots()
        probabilities("runs/search", axes, "separate_bn")
    """
    course = course_of(source)
    if candidate not in course.probabilities:
        raise SettingsError(f"`candidate` must be one of {', '.join(course.probabilities)}, got {candidate!r}.")
    table = course.probabilities[candidate]
    shown = np.concatenate([LIGHT + np.nan_to_num(table)[..., None] * (DARK - LIGHT), np.isfinite(table)[..., None]], axis=2)
    first, last = course.epochs[0] + 1, course.epochs[-1] + 1
    axes.imshow(shown, aspect="auto", interpolation="nearest", extent=(first - 0.5, last + 0.5, len(table) - 0.5, -0.5))
    dress(axes, title=candidate, xlabel="epoch", grid="")
    epochs_only(axes)
    stages = list(course.stages.values())
    edges = [number for number in range(1, len(stages)) if stages[number] != stages[number - 1]]
    for edge in edges:
        axes.axhline(edge - 0.5, color=PAPER, linewidth=1.5)
    starts = [0, *edges]
    middles = [(start + stop - 1) / 2 for start, stop in zip(starts, [*edges, len(stages)], strict=True)]
    axes.set_yticks(middles, [plain(stages[start]) for start in starts], fontsize=SIZE, color=MUTED)
    return axes


def certainty(source: Course | str | os.PathLike[str], axes: Axes) -> Axes:
    """Draw how sure the search became: mean entropy and mean margin of the sites.

    Args:
        source: folder of a search; or its course.
        axes: of matplotlib.

    Raises:
        MissingFileError: the folder holds no course of a search.

    Example::

        axes = Figure().subplots()
        certainty("runs/search", axes)
    """
    course = course_of(source)
    epochs = [epoch + 1 for epoch in course.epochs]
    axes.plot(epochs, course.entropy, color=BLUE, linewidth=1.6, marker="o", markersize=3, label="mean entropy, nats")
    axes.plot(epochs, course.margin, color=VERMILION, linestyle="--", linewidth=1.6, marker="s", markersize=3, label="mean margin")
    dress(axes, xlabel="epoch")
    axes.set_ylim(bottom=0)
    epochs_only(axes)
    legend(axes)
    return axes
