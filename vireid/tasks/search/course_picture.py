"""The course of a search as a picture."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from vireid.files import write_picture
from vireid.results.course import ARCHITECTURE_FILE, SUMMARY_FILE, read_rows
from vireid.tasks.search.course import PICTURE_FILE

logger = logging.getLogger(__name__)


def draw_architecture(folder: Path) -> Path | None:
    """Draw ``architecture.png`` beside the files that ``log_architecture`` wrote.

    A heat map for every candidate (its probability, sites down, epochs across), and below them mean entropy and margin.

    Returns:
        The path of the picture, or ``None`` if there is nothing to draw, or no matplotlib (extra ``report``), which the log says.
    """
    rows, summary = read_rows(folder / ARCHITECTURE_FILE), read_rows(folder / SUMMARY_FILE)
    if not rows:
        return None
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        logger.info("No %s: drawing the search needs matplotlib, pip install 'vireid[report]'.", PICTURE_FILE)
        return None
    sites, names = (list(dict.fromkeys(row[key] for row in rows)) for key in ("site", "candidate"))
    figure = Figure(figsize=(max(6.0, 3.2 * len(names)), 4.0 + 0.14 * len(sites)), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.0 + 0.14 * len(sites), 2.0])
    maps, curves = parts
    axes = maps.subplots(1, len(names), sharey=True, squeeze=False)[0]
    epochs = [int(row["epoch"]) for row in summary]
    for axis, name in zip(axes, names, strict=True):
        image = _heat_map(axis, [row for row in rows if row["candidate"] == name], sites, epochs)
        axis.set(title=name, xlabel="epoch")
    axes[0].set_yticks(range(len(sites)), sites, fontsize=6)
    maps.colorbar(image, ax=list(axes), label="probability")
    axis = curves.subplots()
    for key, label in (("entropy", "mean entropy, nats"), ("margin", "mean margin")):
        axis.plot(epochs, [float(row[key]) for row in summary], marker=".", label=label)
    axis.set(xlabel="epoch", ylim=(0, None))
    axis.legend()
    write_picture(folder / PICTURE_FILE, partial(figure.savefig, format="png", dpi=120))
    return folder / PICTURE_FILE


def _heat_map(axis: Any, rows: list[dict[str, str]], sites: list[str], epochs: list[int]) -> Any:
    """Probabilities of one candidate; white where a site does not have it."""
    values = [[float("nan")] * len(epochs) for _ in sites]
    for row in rows:
        values[sites.index(row["site"])][epochs.index(int(row["epoch"]))] = float(row["probability"])
    extent = (epochs[0] - 0.5, epochs[-1] + 0.5, len(sites) - 0.5, -0.5)
    return axis.imshow(values, vmin=0, vmax=1, aspect="auto", interpolation="nearest", cmap="viridis", extent=extent)
