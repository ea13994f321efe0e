"""mAP between every pair of cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vireid.plots.sources import Source, kept, row_of
from vireid.plots.style import DASH, GRID, INK, MUTED, PAPER, SIZE, dress
from vireid.results.details import CameraMatrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

LIGHT, DARK = np.array([0.94, 0.96, 0.98]), np.array([0.0, 0.27, 0.45])


def cameras(source: Source | CameraMatrix, axes: Axes, protocol: str | None = None) -> Axes:
    """Draw the mAP of the queries of each camera in the gallery of each camera; empty where no query has a match that counts.

    Args:
        source: a folder or results; or a matrix.
        axes: of matplotlib.
        protocol: row of the results; ``None`` for the first.

    Raises:
        ResultsError: there is no such row, or it was tested by an older vireid.

    Example::

        axes = Figure().subplots()
        cameras("runs/child", axes)
    """
    if not isinstance(source, CameraMatrix):
        run, row = row_of(source, protocol)
        source = kept(run.details.cameras.get(row.protocol), run, "camera matrix")
    values = source.mean_ap
    colours = LIGHT + np.nan_to_num(values)[..., None] * (DARK - LIGHT)
    for row_number, column in np.ndindex(values.shape):
        value = values[row_number, column]
        empty = np.isnan(value)
        face = "none" if empty else tuple(colours[row_number, column])
        axes.add_patch(_cell(column, row_number, face))
        ink = MUTED if empty else PAPER if value > 0.45 else INK
        axes.text(
            column,
            row_number,
            DASH if empty else f"{100 * value:.0f}",
            ha="center",
            va="center",
            fontsize=SIZE,
            color=ink,
            gid="ink" if ink == INK else None,
        )
    dress(axes, xlabel="camera of the gallery", ylabel="camera of the query", grid="")
    axes.set_xticks(range(values.shape[1]), [str(camera) for camera in source.gallery_cameras])
    axes.set_yticks(range(values.shape[0]), [str(camera) for camera in source.query_cameras])
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _cell(column: int, row: int, face: Any) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, facecolor=face, edgecolor=GRID, linewidth=0.6)
