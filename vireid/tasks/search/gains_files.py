"""The gain of every site by itself, as a table and a picture in the run directory of a search."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vireid.files import write_picture, write_text_atomically
from vireid.structures import Genotype

GAINS_FILE = "gains.csv"
GAINS_PICTURE = "gains.png"
COLUMNS = ("sites", "candidate", "score", "gain", "error", "gap_shared", "gap_separated")


def write_gains(folder: Path, genotype: Genotype) -> None:
    """Write ``gains.csv`` and, with matplotlib (extra ``report``), ``gains.png``. A search without cheap scores gets no file.

    A row is one group of tied sites with one candidate, while all other sites are shared. It has the gain over all sites shared and the
    standard error of the gain over people. It also has the mean gap between the modalities at the sites of the group, with all sites
    shared and with all separate (:class:`~vireid.search.ModalityGap`).

    Raises:
        OutputError: a file cannot be written.
    """
    about = genotype.provenance.get("derivation", {})
    rows = gain_rows(about) if about.get("gains") else []
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "sites": " ".join(row["sites"])} for row in rows)
    write_text_atomically(folder / GAINS_FILE, text.getvalue())
    _draw(folder / GAINS_PICTURE, rows)


def gain_rows(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table, from the details of a derivation."""
    gaps = about.get("gaps", {})

    def gap(point: str, sites: list[str]) -> float | None:
        known = [gaps[point][name] for name in sites if name in gaps.get(point, {})]
        return sum(known) / len(known) if known else None

    return [
        {**gain, "score": score, "gap_shared": gap("shared", gain["sites"]), "gap_separated": gap("separated", gain["sites"])}
        for score, gains in about["gains"].items()
        for gain in gains
    ]


def _draw(path: Path, rows: list[dict[str, Any]]) -> None:
    """Draw one panel for every score, with the gains of all candidates, and one panel for the gaps."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return
    scores, candidates = (list(dict.fromkeys(row[key] for row in rows)) for key in ("score", "candidate"))
    places = list(dict.fromkeys(row["sites"][0] for row in rows))
    figure = Figure(figsize=(max(6.0, 2.0 + 0.35 * len(places)), 2.2 * (len(scores) + 1)), layout="constrained")
    axes = figure.subplots(len(scores) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for axis, score in zip(axes, scores, strict=False):
        for number, candidate in enumerate(candidates):
            told = [row for row in rows if row["score"] == score and row["candidate"] == candidate and row["gain"] is not None]
            shift = 0.12 * (number - (len(candidates) - 1) / 2)
            at = [places.index(row["sites"][0]) + shift for row in told]
            errors = [row["error"] or 0.0 for row in told]
            axis.errorbar(at, [row["gain"] for row in told], yerr=errors, fmt=".", capsize=2, label=candidate)
        axis.axhline(0.0, color="grey", linewidth=0.8)
        axis.set_title(f"gain by {score}, one group of sites at a time", fontsize=9)
    axes[0].legend(fontsize=7, ncols=len(candidates))
    _draw_gaps(axes[-1], rows, places)
    axes[-1].set_xticks(range(len(places)), places, rotation=60, ha="right", fontsize=7)
    write_picture(path, partial(figure.savefig, format="png", dpi=120))


def _draw_gaps(axis: Any, rows: list[dict[str, Any]], places: list[str]) -> None:
    for key, label in (("gap_shared", "all shared"), ("gap_separated", "all separate: what remains")):
        told = {row["sites"][0]: row[key] for row in rows if row[key] is not None}
        axis.plot([places.index(name) for name in told], list(told.values()), marker=".", label=label)
    axis.set_title("gap between the modalities: mean |log ratio of channel deviations|", fontsize=9)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7)
