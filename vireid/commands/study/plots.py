"""Pictures of a study. They need the extra ``report``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vireid.files import write_picture


def draw_study(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw ``runs.png``, and ``fidelity.png`` if the report has rank correlations.

    Returns:
        The files; none if nothing is finished.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (extra ``report``).
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Pictures need matplotlib: pip install 'vireid[report]'.") from error
    drawings = {"runs.png": draw_runs if any(run["test"] for run in report["runs"]) else None}
    drawings["fidelity.png"] = draw_fidelity if report["fidelity"] else None
    written = []
    for name, draw in drawings.items():
        if draw is not None:
            figure = Figure(figsize=(7, 4.5), layout="constrained")
            draw(report, figure.add_subplot())
            write_picture(folder / name, partial(figure.savefig, format="png", dpi=150))
            written.append(folder / name)
    return written


def draw_runs(report: Mapping[str, Any], ax: Any) -> None:
    """Draw every run as a dot and the mean of every row as a bar, by row of the table.

    Args:
        report: report of a study.
        ax: matplotlib axes.
    """
    rows = [row["name"] for row in report["rows"]]
    for place, row in enumerate(report["rows"]):
        runs = [run for run in report["runs"] if run["test"] and run["group"] == row["name"]]
        seeds = sorted({run["seed"] for run in runs})
        for run in runs:
            shift = 0.0 if len(seeds) == 1 else 0.3 * (seeds.index(run["seed"]) / (len(seeds) - 1) - 0.5)
            ax.plot(100 * run["test"]["mAP"], place + shift, "o", color="#1971c2", alpha=0.6)
        ax.plot([100 * row["mAP"]["mean"]] * 2, [place - 0.35, place + 0.35], color="#d9480f", linewidth=2)
    ax.set_yticks(range(len(rows)), rows)
    ax.invert_yaxis()
    ax.set(xlabel="mAP, %", title=report["protocol"])


def draw_fidelity(report: Mapping[str, Any], ax: Any) -> None:
    """Draw supernet mAP against stand-alone mAP on held-out identities, one colour for each search seed.

    Args:
        report: report of a study with ``fidelity``.
        ax: matplotlib axes.
    """
    found = report["fidelity"]
    alone = [100 * sum(values) / len(values) for values in found["standalone"].values()]
    for seed, scores in found["supernet"].items():
        tau = found["searches"][seed]["tau"]
        ax.plot(
            [100 * score for score in scores],
            alone,
            "o",
            alpha=0.6,
            label=f"search seed {seed}" + ("" if tau is None else f", tau {tau:.2f}"),
        )
    ax.set(xlabel="supernet, mAP %", ylabel="stand-alone, mAP %", title="Held-out identities")
    ax.legend()
