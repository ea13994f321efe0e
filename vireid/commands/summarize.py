"""``vireid summarize``: one table of several runs, with deviation and interval."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from vireid.commands.parser import ShortErrors
from vireid.errors import OutputError, SettingsError
from vireid.files import write_text_atomically
from vireid.printable import printable, visible
from vireid.results import read_results
from vireid.results.best import with_best
from vireid.results.formats import FORMATS, terminal_table
from vireid.results.summary import SummaryRow, check_distinct, over_seeds_rows, over_trials_rows, single_rows
from vireid.results.table import COLUMNS
from vireid.terminal import table_console

Format = Literal["terminal", "markdown", "latex", "csv"]


def main(words: list[str]) -> int:
    """Run ``vireid summarize RUN...``; ``words[0]`` is ``summarize``."""
    parser = ShortErrors(prog="vireid summarize", description="One table of several runs, with deviation and interval.")
    parser.add_argument("runs", nargs="+", type=str, help="folders of runs or tests, or metrics.json files")
    parser.add_function_arguments(summarize, skip={"runs"})
    return summarize(**vars(parser.parse_args(words[1:])))


def summarize(
    runs: list[str],
    format: Format = "terminal",
    output: str | None = None,
    over_seeds: bool = False,
    over_trials: bool = False,
    columns: str | None = None,
    names: str | None = None,
    protocols: str | None = None,
) -> int:
    """One table of several runs.

    Args:
        runs: folders of runs or tests, or metrics.json files.
        format: format of the table; csv holds fractions in full precision, the others hold percent.
        output: file to write instead of the terminal; it must not exist.
        over_seeds: take the runs as repetitions with different seeds: one row per protocol, with mean, deviation and interval over them.
        over_trials: take the runs as trials of a protocol that trains once per trial (RegDB): .../trial-1, .../trial-2 become one row.
        columns: measures to show, with commas between them, such as R1,mAP; default all.
        names: names of the runs in the table, in their order, with commas between them; default their folders.
        protocols: rows to show, with commas between them, such as sysu/all/single-shot/seeded; default all.
    """
    if over_seeds and over_trials:
        raise SettingsError("`over_seeds` and `over_trials` exclude each other: summarise the trials of one seed at a time.")
    if output is not None and Path(output).exists():
        raise OutputError(f"{output!r} exists, and nothing is overwritten. Name another file.")
    read = [read_results(run) for run in runs]
    shown = _measures(columns)
    rows = over_seeds_rows(read) if over_seeds else over_trials_rows(read) if over_trials else single_rows(read)
    if format == "latex" and not (over_seeds or over_trials):
        check_distinct(read)
        rows = with_best(rows, read)
    rows = _named(_of_protocols(rows, protocols), names)
    note, console = _note(rows), table_console()
    if output is not None:
        write_text_atomically(Path(output), FORMATS[format](rows, note, shown))
        console.print(f"Wrote {printable(output)}", soft_wrap=True)
    elif format == "terminal":
        console.print(terminal_table(rows, shown))
        console.print(note)
    else:
        console.out(visible(FORMATS[format](rows, note, shown)), end="")
    return 0


def _measures(columns: str | None) -> dict[str, str]:
    """Measures by the head of their column."""
    if columns is None:
        return COLUMNS
    wanted = [name.strip() for name in columns.split(",")]
    if wrong := [name for name in wanted if name not in COLUMNS]:
        raise SettingsError(f"`columns` must be some of {', '.join(COLUMNS)}, with commas between them, got {wrong[0]!r}.")
    return {name: COLUMNS[name] for name in wanted}


def _of_protocols(rows: list[SummaryRow], protocols: str | None) -> list[SummaryRow]:
    """The rows of these protocols, in their order."""
    if protocols is None:
        return rows
    known = list(dict.fromkeys(row.result.name for row in rows))
    wanted = protocols.split(",") if protocols not in known else [protocols]  # a variant may hold a comma
    if wrong := [name for name in wanted if name not in known]:
        raise SettingsError(f"`protocols` must be some of {', '.join(known)}, got {wrong[0]!r}.")
    return [row for name in wanted for row in rows if row.result.name == name]


def _named(rows: list[SummaryRow], names: str | None) -> list[SummaryRow]:
    """The rows, with these names of their runs."""
    if names is None:
        return rows
    given, runs = names.split(","), list(dict.fromkeys(row.run for row in rows))
    if len(given) != len(runs):
        raise SettingsError(f"`names` must hold a name for each of the {len(runs)} runs of the table, got {len(given)}: {names!r}.")
    return [replace(row, run=given[runs.index(row.run)].strip()) for row in rows]


def _note(rows: list[SummaryRow]) -> str:
    """What the intervals are about."""
    kinds = {row.kind for row in rows if row.count > 1}
    notes = {
        "galleries": "over trials is that of the gallery draw only (queries and network are the same in every trial), not of training",
        "seeds": "over runs is that of training with another seed, on these images",
        "trials": "over the protocol's trials is that of split and training together",
    }
    sentences = [f"The 95 % bootstrap interval {text}." for kind, text in notes.items() if kind in kinds]
    return " ".join(["Percent; std is the sample deviation.", *sentences])
