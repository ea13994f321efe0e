"""Numbers that a training logged, over its epochs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vireid.errors import MissingFileError
from vireid.plots.style import BLUE, dress, epochs_only, legend, plain
from vireid.results.training import Training, read_training

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curves(
    source: Training | str | os.PathLike[str],
    axes: Axes,
    column: str = "train/loss",
    label: str | None = None,
    color: str = BLUE,
    line: Any = "-",
) -> Axes:
    """Draw one logged number over the epochs, across resumes of the run.

    Call it again with the same axes for another run or column.

    Args:
        source: folder of a run; or its training.
        axes: of matplotlib.
        column: what to draw, such as ``train/loss`` or ``val/mAP``, as ``metrics.csv`` names it.
        label: text of the legend; ``None`` for none.
        color: of the curve.
        line: style of the curve, as matplotlib takes it.

    Raises:
        MissingFileError: the folder holds no ``metrics.csv``, or it has no such column.

    Example::

        axes = Figure().subplots()
        curves("runs/child", axes, "val/mAP")
    """
    training = source if isinstance(source, Training) else read_training(Path(source))
    if training is None:
        raise MissingFileError(f"There is no metrics.csv in {os.fspath(source)!r}: name the folder of a run.")  # type: ignore[arg-type]
    epochs, values = training[column]
    if not epochs:
        raise MissingFileError(f"Nothing is logged as {column!r}; there are: {', '.join(training.columns) or 'no columns'}.")
    name = None if label is None else plain(label)
    marker = "o" if len(epochs) < 25 else ""
    axes.plot([epoch + 1 for epoch in epochs], values, color=color, linestyle=line, linewidth=1.6, marker=marker, markersize=3, label=name)
    dress(axes, xlabel="epoch", ylabel=plain(column))
    epochs_only(axes)
    legend(axes)
    return axes
