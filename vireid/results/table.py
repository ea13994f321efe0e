"""Results for people and programs: a table in the terminal, and ``metrics.json`` in the run directory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from vireid.files import write_text_atomically
from vireid.printable import printable
from vireid.results.details import Details
from vireid.results.files import FORMAT, QUERIES_FILE, VERSION
from vireid.results.queries import write_queries
from vireid.results.result import TARGETS, Result
from vireid.terminal import table_console

COLUMNS = {"R1": "rank1", "R5": "rank5", "R10": "rank10", "R20": "rank20", "mAP": "mAP", "mINP": "mINP"}


def results_table(results: Sequence[Result], title: str) -> Table:
    """Rows are protocols; columns are R1 R5 R10 R20 mAP mINP in percent, with the deviation over trials below if there are several.

    Where a test has enough searches, further columns tell the share of people who are missed (FNIR) if a threshold lets strangers pass in
    at most a share of searches (FPIR).

    Example::

        console.print(results_table(results, "child"))
    """
    targets = [target for target in TARGETS if any(result.fnir(target) is not None for result in results)]
    caption = "FNIR at FPIR: people missed at rank 1 if strangers pass in so many searches" if targets else None
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("protocol", overflow="fold")  # folds first in a narrow terminal: numbers are never cut
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for target in targets:
        table.add_column(f"FNIR\n@{target:g}", justify="right", no_wrap=True)
    for result in results:
        label = Text.assemble(printable(result.name), *(("\n", (printable(result.remark), "italic")) if result.remark else ()))
        missed = [result.fnir(target) for target in targets]
        rates = ["-" if rate is None else f"{100 * rate:.2f}" for rate in missed]
        table.add_row(label, *(_cell(result, key) for key in COLUMNS.values()), *rates)
    return table


def _cell(result: Result, key: str) -> str:
    mean = f"{100 * result.mean[key]:.2f}"
    return f"{mean}\n±{100 * result.std[key]:.2f}" if result.trials > 1 else mean


def print_results(results: Sequence[Result], title: str) -> None:
    """Print the table to the terminal, or 120 columns wide to a pipe.

    Example::

        print_results(read_results("runs/child/test-1").results, "child")
    """
    table_console().print(results_table(results, title))


def write_metrics(path: Path, results: Sequence[Result], details: Details | None = None, **about: Any) -> None:
    """Write ``metrics.json``: every result with its protocol id, mean and deviation, and the entries of ``about``.

    The scores of every query go to ``queries.npz`` in the same folder (``write_queries``), and so do
    ``details``.

    Raises:
        OutputError: the file cannot be written.

    Example::

        write_metrics(Path("out/metrics.json"), results, checkpoint="last.ckpt")
    """
    write_queries(path.with_name(QUERIES_FILE), results, details)  # first: if metrics.json exists, the rest is complete
    content = {"format": FORMAT, "version": VERSION, **about, "results": [result.to_dict() for result in results]}
    write_text_atomically(path, json.dumps(content, indent=1) + "\n")
