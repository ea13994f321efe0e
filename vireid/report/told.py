"""What the sections of a page are told: runs with their colours, and the pictures of the first test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vireid.plots.style import CYCLE, DASH, LINES
from vireid.report.markup import Child, Markup, joined, tag
from vireid.report.thumbnails import Thumbnails
from vireid.results.files import RunResults
from vireid.results.run_folder import Run


@dataclass(frozen=True)
class Told:
    """A run on a page.

    Attributes:
        run: the run.
        label: its name on the page; short, and different from the others'.
        color, line: of its curves.
    """

    run: Run
    label: str
    color: str
    line: Any


@dataclass(frozen=True)
class Tested(Told):
    """A run with a test.

    Attributes:
        results: the test.
    """

    results: RunResults


@dataclass(frozen=True)
class Page:
    """Everything that a page is made of.

    Attributes:
        runs: all runs, as they were named.
        tested: those with a test.
        thumbnails: of the images of the first test; ``None`` without a test.
    """

    runs: Sequence[Told]
    tested: Sequence[Tested]
    thumbnails: Thumbnails | None

    @property
    def named(self) -> str:
        """What a heading adds where there are several tests: which of them it is about."""
        return f": {self.first.label}" if len(self.tested) > 1 else ""

    @property
    def first(self) -> Tested:
        """The test that is shown in detail."""
        return self.tested[0]


def told(runs: Sequence[Run]) -> list[Told]:
    """The runs with names and colours."""
    names = short_names([run.name for run in runs])
    return [Told(run, name, CYCLE[n % len(CYCLE)], LINES[n % len(LINES)]) for n, (run, name) in enumerate(zip(runs, names, strict=True))]


def tests_of(runs: Sequence[Told]) -> list[Tested]:
    """Those that have a test with rows."""
    return [
        Tested(each.run, each.label, each.color, each.line, each.run.tested)
        for each in runs
        if each.run.tested is not None and each.run.tested.results
    ]


def short_names(names: Sequence[str]) -> list[str]:
    """The last folders of each name, as many as tell the names apart, without those that all of them end with.

    Example:
        >>> short_names(["runs/a/test-1", "runs/b/test-1"]), short_names(["runs/a"]), short_names(["x/a", "y/a/", "b"])
        (['a', 'b'], ['a'], ['x/a', 'y/a', 'b'])
    """
    parts = [[part for part in name.split("/") if part] or [name] for name in names]
    while len(parts) > 1 and min(map(len, parts)) > 1 and len({part[-1] for part in parts}) == 1:
        parts = [part[:-1] for part in parts]
    for count in range(1, max(map(len, parts)) + 1):
        short = ["/".join(part[-count:]) for part in parts]
        if len(set(short)) == len(short):
            return short
    return list(names)


def section(anchor: str, title: str, *children: Child) -> Markup | None:
    """A section of the page; ``None`` if it is empty."""
    content = joined(*children)
    return tag("section", tag("h2", title), content, id=anchor) if content else None


def note(*children: Child) -> Markup:
    """A remark beside the text."""
    return tag("p", *children, class_="note")


def percent(value: float, digits: int = 1) -> str:
    """A fraction as percent; a dash for what is not a number."""
    return DASH if math.isnan(value) else f"{100 * value:.{digits}f}"
