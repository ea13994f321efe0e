"""A summary as text for the terminal, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from vireid.printable import printable
from vireid.results.latex import latex
from vireid.results.summary import SummaryRow
from vireid.results.table import COLUMNS
from vireid.terminal import text_console

STATISTICS = ("mean", "std", "low", "high")
Columns = Mapping[str, str]  # measures by the head of their column
Formatter = Callable[[Sequence[SummaryRow], str, Columns], str]


def terminal_table(rows: Sequence[SummaryRow], columns: Columns = COLUMNS) -> Table:
    """Table whose rows are runs and protocols. If there are several numbers, deviation and interval stand below the mean."""
    table = Table(title="Results in percent", title_justify="left", show_lines=True)
    table.add_column("run, protocol", overflow="fold")  # folds first in a narrow terminal: numbers are never cut
    for column in ("over", *columns):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        remark = ("\n", (printable(row.result.remark), "italic")) if row.result.remark else ()
        label = Text.assemble((printable(row.run), "bold"), "\n", printable(row.result.name), *remark)
        over = f"{row.over}\n±\n95 % from\nto" if row.count > 1 else row.over
        cells = ("\n".join(_percent(number) for number in row.numbers(key) if not math.isnan(number)) for key in columns.values())
        table.add_row(label, over, *cells)
    return table


def terminal(rows: Sequence[SummaryRow], note: str, columns: Columns) -> str:
    """The terminal's table as plain text, 120 columns wide."""
    console = text_console()
    console.print(terminal_table(rows, columns))
    console.print(note)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def markdown(rows: Sequence[SummaryRow], note: str, columns: Columns) -> str:
    """A table in GitHub's Markdown, with the note below it."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    head = ["run", "protocol", "over", *columns, "remark"]
    ruler = "|" + "|".join("---:" if name in columns else "---" for name in head) + "|"
    body = [line([row.run, row.result.name, row.over, *_cells(row, columns), row.result.remark]) for row in rows]
    return "\n".join([line(head), ruler, *body, "", note]) + "\n"


def comma_separated(rows: Sequence[SummaryRow], note: str, columns: Columns) -> str:  # noqa: ARG001 (one signature for all formats)
    """Fractions in full precision. Statistics that a single number does not have are empty cells."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{metric}_{statistic}" for metric in columns.values() for statistic in STATISTICS]
    writer.writerow(["run", "protocol", "variant", "remark", "varied", "count", *names])
    for row in rows:
        numbers = ["" if math.isnan(number) else repr(number) for metric in columns.values() for number in row.numbers(metric)]
        writer.writerow([row.run, row.result.protocol, row.result.variant, row.result.remark, row.kind, row.count, *numbers])
    return text.getvalue()


FORMATS: dict[str, Formatter] = {"terminal": terminal, "markdown": markdown, "latex": latex, "csv": comma_separated}


def _cells(row: SummaryRow, columns: Columns) -> list[str]:
    """Cell of each metric: ``51.20 ± 0.83 [50.70, 51.71]``, or the mean alone."""
    cells = []
    for key in columns.values():
        mean, deviation, low, high = row.numbers(key)
        spread = f" ± {_percent(deviation)} [{_percent(low)}, {_percent(high)}]" if row.count > 1 else ""
        cells.append(_percent(mean) + spread)
    return cells


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"
