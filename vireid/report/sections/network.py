"""Training curves, architectures, the course of a search, and its shortlist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vireid import plots
from vireid.plots.genotypes import size_of
from vireid.plots.style import CYCLE, LINES
from vireid.report.figures import HALF, WIDE, figure
from vireid.report.markup import Child, Markup, tag
from vireid.report.tables import cell, table
from vireid.report.told import Page, Told, section
from vireid.results.shortlist import shortlist_of
from vireid.structures import Genotype
from vireid.structures.stages import stages_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CURVES = 6
LOSS, VALIDATION = "train/loss", "val/mAP"


def training(page: Page) -> Markup | None:
    """Loss, its terms if there is one run, and validation."""
    logged = [each for each in page.runs if each.run.training is not None]
    shown = [_curves(logged, LOSS, "loss"), _terms(logged), _curves(logged, VALIDATION, "mAP on held-out people")]
    resumed = [f"{each.label} {each.run.training.resumes}" for each in logged if each.run.training and each.run.training.resumes]
    told = f"Resumed: {', '.join(resumed)} times. The curves are joined." if resumed else None
    return section("training", "Training", tag("p", told) if told else None, tag("div", *shown, class_="pair") if any(shown) else None)


def _curves(logged: Sequence[Told], column: str, words: str) -> Markup | None:
    known = [each for each in logged if each.run.training is not None and each.run.training[column][0]]
    if not known:
        return None

    def draw(axes: Axes) -> None:
        for each in known:
            assert each.run.training is not None
            plots.curves(each.run.training, axes, column, each.label if len(known) > 1 else None, each.color, each.line)

    said = "; ".join(f"{each.label}: {_ends(each, column)}" for each in known)
    return figure(draw, HALF, f"Course of the {words}. {said}.", f"{words[:1].upper()}{words[1:]} per epoch. {said}.")


def _ends(each: Told, column: str) -> str:
    assert each.run.training is not None
    epochs, values = each.run.training[column]
    return f"{values[0]:.3g} after epoch {epochs[0] + 1}, {values[-1]:.3g} after epoch {epochs[-1] + 1}"


def _terms(logged: Sequence[Told]) -> Markup | None:
    """The terms of the loss of a single run."""
    if len(logged) != 1 or logged[0].run.training is None:
        return None
    found = logged[0].run.training
    names = [name for name in found.columns if name.startswith("train/") and name != LOSS][:MOST_CURVES]
    if not names:
        return None

    def draw(axes: Axes) -> None:
        for number, name in enumerate(names):
            plots.curves(found, axes, name, name.removeprefix("train/"), CYCLE[number % len(CYCLE)], LINES[number % len(LINES)])
        axes.set_ylabel("weighted term")

    return figure(draw, HALF, f"Course of the terms of the loss: {', '.join(names)}.", "The terms of the loss, each with its weight.")


def architecture(page: Page) -> Markup | None:
    """Every network, one cell per site, and the sites of each in a table."""
    known = {each.label: each.run.genotype for each in page.runs if each.run.genotype is not None}
    if not known:
        return None
    said = "; ".join(f"{label}: {_counts(genotype)}" for label, genotype in known.items())
    chart = figure(
        partial(plots.architecture, known),
        size_of(known),
        f"Architecture, one cell per site. {said}.",
        f"One cell per site. {said}.",
        wide=True,
    )
    tables = [tag("details", tag("summary", f"{label}, site by site"), _sites(genotype)) for label, genotype in known.items()]
    return section("architecture", "Architecture", chart, *tables)


def _counts(genotype: Genotype) -> str:
    names = list(genotype.choices.values())
    return ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))


def _sites(genotype: Genotype) -> Markup:
    stages, chances = stages_of(genotype), _numbers(genotype.provenance.get("probabilities"))
    costs = genotype.provenance.get("site_costs")
    costs = costs if isinstance(costs, Mapping) else {}
    names = list(dict.fromkeys(name for cost in costs.values() if isinstance(cost, Mapping) for name in map(str, cost)))
    rows = [
        [
            site,
            stages[site],
            candidate,
            *([cell(f"{max(chances[site]):.2f}", max(chances[site])) if chances.get(site) else ""] if chances else []),
            *(_cost(costs.get(site), name) for name in names),
        ]
        for site, candidate in genotype.choices.items()
    ]
    return table(["site", "stage", "candidate", *(["largest probability"] if chances else []), *names], rows, numbers=3)


def _cost(costs: Any, name: str) -> Markup:
    value = costs.get(name) if isinstance(costs, Mapping) else None
    return cell(f"{value:,g}", value) if isinstance(value, (int, float)) else cell("")


def _numbers(table_: Any) -> dict[str, list[float]]:
    """Probabilities by site; provenance is free, so what has another form is left out."""
    if not isinstance(table_, Mapping):
        return {}
    return {
        str(site): [float(value) for value in values]
        for site, values in table_.items()
        if isinstance(values, list) and values and all(isinstance(value, (int, float)) for value in values)
    }


def course(page: Page) -> Markup | None:
    """What each site decided, epoch by epoch, of every search on the page."""
    parts = [part for each in page.runs if each.run.course is not None for part in _course(each, len(page.runs) > 1)]
    return section("course", "Course of the search", *parts)


def _course(each: Told, named: bool) -> list[Markup]:
    found = each.run.course
    assert found is not None
    names = list(found.probabilities)
    shown = names if len(names) != 2 else names[1:]  # of two, each says what the other one says
    height = min(7.0, max(2.4, 0.9 + 0.07 * len(found.stages)))
    maps = [
        figure(
            partial(plots.probabilities, found, candidate=name),
            (HALF[0], height),
            f"Probability of {name} at every site. {_said(found, name)}",
            f"Probability of {name}, sites from top to bottom: white is 0, orange is 1. {_said(found, name)}",
        )
        for name in shown
    ]
    first, last = found.entropy[0], found.entropy[-1]
    sure = f"Mean entropy of the sites: {first:.3f} nats after the first, {last:.3f} after the last architecture epoch. "
    sure += "It is 0 where all sites are decided; the margin is the lead of the most probable candidate."
    maps.append(figure(partial(plots.certainty, found), (HALF[0], min(height, 3.0)), f"How sure the search is. {sure}", sure))
    return [*([tag("h3", each.label)] if named else []), tag("div", *maps, class_="pair")]


def _said(found: Any, name: str) -> str:
    last = found.probabilities[name][:, -1]
    return f"At the end its mean is {np.nanmean(last):.2f}." if np.isfinite(last).any() else ""


def shortlist(page: Page) -> Markup | None:
    """What each search tried before it answered."""
    parts: list[Child] = []
    for each in page.runs:
        tried = shortlist_of(each.run.genotype) if each.run.is_search and each.run.genotype is not None else []
        if not tried:
            continue
        chosen = next((number for number, one in enumerate(tried, start=1) if one.chosen), None)
        said = f"{len(tried)} architectures were tried in short trainings" + (
            "." if chosen is None else f"; the search took number {chosen}."
        )
        size = (WIDE[0] * 0.85, 1.0 + 0.32 * len(tried))
        parts.append(
            figure(
                partial(plots.shortlist, tried),
                size,
                f"Shortlist of the search: {said}",
                f"{said} Its name is bold. A bar is the standard error of the difference to the best.",
                wide=True,
            )
        )
    return section("shortlist", "What the search tried", *parts)
