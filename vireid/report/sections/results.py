"""The table of protocols, and whether runs differ."""

from __future__ import annotations

import math

from vireid.plots.style import DASH
from vireid.report.markup import Child, Markup, joined, tag
from vireid.report.tables import cell, table
from vireid.report.told import Page, Tested, note, percent, section
from vireid.results.comparison import Comparison, compare_runs
from vireid.results.result import TARGETS, Result
from vireid.results.summary import single_rows
from vireid.results.table import COLUMNS
from vireid.results.verdict import in_words, verdict

NAMES = {metric: column for column, metric in COLUMNS.items()}
COMPARED = ("rank1", "mAP", "mINP")
INTERVAL = (
    "Percent. Below a mean over several trials stands its 95 % bootstrap interval. It tells of the draw of the gallery, not of training."
)
OPEN_SET = (
    "FNIR at FPIR: people missed at rank 1 if strangers pass in so many searches; a dash where there are too few searches to choose a "
    "threshold."
)


def results(page: Page) -> Markup | None:
    """Rows are protocols and runs."""
    if not page.tested:
        return None
    names = list(dict.fromkeys(row.name for each in page.tested for row in each.results.results))
    several = len(page.tested) > 1
    targets = [t for t in TARGETS if any(row.fnir(t) is not None for each in page.tested for row in each.results.results)]
    rows = [
        [*([_named(each)] if several else []), _label(row), *_numbers(each, row), *(_missed(row, target) for target in targets)]
        for name in names
        for each in page.tested
        for row in each.results.results
        if row.name == name
    ]
    head = [*(["run"] if several else []), "protocol", *COLUMNS, *(f"FNIR@{100 * target:g}%" for target in targets)]
    told = " ".join([INTERVAL, *([OPEN_SET] if targets else [])])
    return section("results", "Results", table(head, rows, numbers=1 + several), note(told))


def comparison(page: Page) -> Markup | None:
    """The first test against each of the others, paired."""
    if len(page.tested) < 2:
        return None
    parts = [_compared(page.first, other) for other in page.tested[1:]]
    return section("comparison", "Is the difference more than noise?", tag("p", COMPARISON), *parts)


COMPARISON = (
    "Every run is compared with the first by a paired test: all scores of one person's queries are one unit, whose sign is flipped at "
    "random. It covers the choice of people, not training with another seed."
)


def _compared(first: Tested, other: Tested) -> Markup:
    compared, refused = compare_runs(first.results, other.results)
    rows: list[list[Child]] = [_row(found) for found in compared if found.metric in COMPARED]
    said = [tag("li", tag("b", found.name), ": ", verdict(found, first.label, other.label)) for found in compared if found.metric == "mAP"]
    labels = {"only A holds it": f"only {first.label} holds it", "only B holds it": f"only {other.label} holds it"}
    said += [tag("li", tag("b", name), f": kept apart, {labels.get(reason, reason)}.") for name, reason in refused.items()]
    details = tag("details", tag("summary", "All numbers"), table(_head(first, other), rows, numbers=2)) if rows else None
    return joined(tag("h3", first.label, " and ", other.label), tag("ul", *said, class_="verdicts"), details)


def _head(first: Tested, other: Tested) -> list[str]:
    return ["protocol", "measure", first.label, other.label, "difference", "95 %", "p", "over"]


def _row(found: Comparison) -> list[Child]:
    test = found.evidence.test
    interval = "" if test is None or math.isnan(test.low) else f"{100 * test.low:+.2f} to {100 * test.high:+.2f}"
    difference = found.a - found.b
    numbers = [cell(percent(value, 2), value) for value in (found.a, found.b)]
    p_value = "" if test is None else in_words(test.p_value).removeprefix("p = ").removeprefix("p ")
    return [
        found.name,
        NAMES[found.metric],
        *numbers,
        cell(f"{100 * difference:+.2f}", difference),
        cell(interval),
        cell(p_value),
        cell(found.units),
    ]


def _named(each: Tested) -> Markup:
    return tag("td", tag("i", class_="dot", style=f"background:{each.color}", aria_hidden="true"), each.label)


def _label(row: Result) -> Markup:
    remark = tag("span", row.remark, class_="remark") if row.remark else None
    return tag("td", tag("span", row.name, class_="protocol"), remark)


def _numbers(each: Tested, row: Result) -> list[Markup]:
    (summary,) = (found for found in single_rows([each.results]) if found.result is row)
    cells = []
    for metric in COLUMNS.values():
        mean, _, low, high = summary.numbers(metric)
        small = "" if math.isnan(low) else f"{percent(low)} {DASH} {percent(high)}"
        cells.append(cell(percent(mean, 2), mean, small))
    return cells


def _missed(row: Result, target: float) -> Markup:
    missed = row.fnir(target)
    return cell(DASH if missed is None else percent(missed, 2), missed)
