"""``vireid compare``: is the difference of two runs more than noise?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import auto_cli
from rich.table import Table

from vireid.commands.parser import ShortErrors
from vireid.errors import ResultsError, SettingsError
from vireid.printable import printable
from vireid.results import RunResults, read_results
from vireid.results.comparison import Comparison, compare_runs, compare_series
from vireid.results.summary import check_distinct
from vireid.results.table import COLUMNS
from vireid.results.verdict import COVERS, in_words, verdict
from vireid.terminal import table_console

HEADS = {metric: column for column, metric in COLUMNS.items()}


def main(words: list[str]) -> int:
    """Run ``vireid compare A B``; ``words[0]`` is ``compare``."""
    return int(auto_cli(compare, args=words[1:], prog="vireid compare", as_positional=True, parser_class=ShortErrors))


def compare(a: str, b: str) -> int:
    """Say for every protocol that both sides hold whether their difference is more than noise.

    Args:
        a: a run, the folder of a test, or a metrics.json; several with commas between them, one per seed or trial.
        b: what a is compared with: as many runs as in a, in the same order.
    """
    first, second = ([read_results(path) for path in _split(side)] for side in (a, b))
    _check_sides(first, second)
    if len(first) == 1:
        compared, refused = compare_runs(first[0], second[0])
    else:
        compared, refused = compare_series(first, second)
    if not compared:
        raise ResultsError("Nothing can be compared. " + " ".join(f"{name}: {reason}." for name, reason in refused.items()))
    console = table_console()
    console.print(f"A = {printable(a)}\nB = {printable(b)}", soft_wrap=True)
    console.print(_table(compared))
    for name, reason in refused.items():
        console.print(f"{name}: not compared, {reason}.", soft_wrap=True)
    verdicts = [found for found in compared if found.metric == "mAP"]
    for found in verdicts:
        console.print(f"{found.name}: {verdict(found)}", soft_wrap=True)
    for over in dict.fromkeys(found.evidence.over for found in compared if found.evidence.test):
        console.print(COVERS[over], soft_wrap=True)
    return 0


def _split(side: str) -> list[str]:
    return [side] if Path(side).exists() else [path for path in side.split(",") if path]


def _check_sides(a: Sequence[RunResults], b: Sequence[RunResults]) -> None:
    if not a or len(a) != len(b):
        raise SettingsError(f"`a` and `b` must name equally many runs, which are paired in order, got {len(a)} and {len(b)}.")
    check_distinct([*a, *b])


def _table(compared: Sequence[Comparison]) -> Table:
    table = Table(title="Percent; the verdict is on mAP", title_justify="left")
    table.add_column("protocol", overflow="fold")
    for column in ("metric", "A", "B", "A - B", "95 %", "p", "over"):
        table.add_column(column, justify="left" if column in ("metric", "over") else "right", no_wrap=True)
    shown = ""
    for found in compared:
        cells = [f"{100 * found.a:.2f}", f"{100 * found.b:.2f}", f"{100 * (found.a - found.b):+.2f}", *_evidence(found)]
        table.add_row("" if found.name == shown else found.label, HEADS[found.metric], *cells)
        shown = found.name
    return table


def _evidence(found: Comparison) -> tuple[str, str, str]:
    test = found.evidence.test
    if test is None:
        return "", "", ""
    interval = "" if math.isnan(test.low) else f"{100 * test.low:+.2f} to {100 * test.high:+.2f}"
    return interval, in_words(test.p_value).removeprefix("p = ").removeprefix("p "), found.units
