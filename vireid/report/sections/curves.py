"""CMC and DET curves of one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vireid import plots
from vireid.report.figures import HALF, figure
from vireid.report.markup import Markup, tag
from vireid.report.told import Page, Tested, percent, section
from vireid.results.result import TARGETS, Result
from vireid.results.searches import searches_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pairs = Sequence[tuple[Tested, Result]]


def curves(page: Page) -> Markup | None:
    """CMC and DET of the first protocol that all tests have; of the first test alone if they share none."""
    if not page.tested:
        return None
    name = shared_protocol(page.tested)
    shown = page.tested if name is not None else page.tested[:1]
    name = name or page.first.results.results[0].name
    pairs = [(each, next(row for row in each.results.results if row.name == name)) for each in shown]
    apart = "" if len(shown) == len(page.tested) else " The tests share no protocol, so that of the first is shown alone."
    told = tag("p", "Protocol ", tag("code", name), f".{apart}")
    return section("curves", "How often the right person is found", told, tag("div", _cmc(pairs), _det(pairs), class_="pair"))


def shared_protocol(tests: Sequence[Tested]) -> str | None:
    """Name of the first row that all tests have; ``None`` if they share none."""
    held = [{row.name for row in each.results.results} for each in tests]
    return next((row.name for row in tests[0].results.results if all(row.name in names for names in held)), None)


def _cmc(pairs: Pairs) -> Markup:
    def draw(axes: Axes) -> None:
        for each, row in pairs:
            plots.cmc(each.results, axes, row.name, _label(each, pairs), each.color, each.line)

    said = "; ".join(
        f"{_prefix(each, pairs)}{percent(row.mean['rank1'])} % at rank 1, {percent(row.mean['rank10'])} % at rank 10" for each, row in pairs
    )
    trials = max(row.trials for _, row in pairs)
    band = f" The band reaches from the lowest to the highest of {trials} trials." if trials > 1 else ""
    return figure(draw, HALF, f"CMC curve: {said}.", f"CMC: share of queries whose person is among the first k. {said}.{band}")


def _det(pairs: Pairs) -> Markup | None:
    pairs = [(each, row) for each, row in pairs if searches_of(row) is not None]
    if not pairs:
        return None

    def draw(axes: Axes) -> None:
        for each, row in pairs:
            plots.det(each.results, axes, row.name, _label(each, pairs), each.color, each.line)

    first = pairs[0][1]
    known = ", ".join(f"{percent(missed)} % at {100 * target:g} %" for target in TARGETS if (missed := first.fnir(target)) is not None)
    said = f"people who are missed at rank 1 if strangers pass in so many searches{': ' + known if known else ''}."
    return figure(draw, HALF, f"DET curve: {said}", f"DET: {said} Every query is searched with its person in the gallery, and without.")


def _label(each: Tested, pairs: Pairs) -> str | None:
    return each.label if len(pairs) > 1 else None


def _prefix(each: Tested, pairs: Pairs) -> str:
    return f"{each.label} " if len(pairs) > 1 else ""
