"""``vireid summarize``: one table of several runs, with deviation and interval."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vireid.commands.parser import ShortErrors
from vireid.errors import OutputError, SettingsError
from vireid.files import write_text_atomically
from vireid.printable import printable, visible
from vireid.results import read_results
from vireid.results.formats import FORMATS, terminal_table
from vireid.results.summary import SummaryRow, over_seeds_rows, over_trials_rows, single_rows
from vireid.terminal import table_console

Format = Literal["terminal", "markdown", "latex", "csv"]


def main(words: list[str]) -> int:
    """Run ``vireid summarize RUN...``; ``words[0]`` is ``summarize``."""
    parser = ShortErrors(prog="vireid summarize", description="One table of several runs, with deviation and interval.")
    parser.add_argument("runs", nargs="+", type=str, help="folders of runs or tests, or metrics.json files")
    parser.add_function_arguments(summarize, skip={"runs"})
    return summarize(**vars(parser.parse_args(words[1:])))


def summarize(
    runs: list[str], format: Format = "terminal", output: str | None = None, over_seeds: bool = False, over_trials: bool = False
) -> int:
    """One table of several runs.

    Args:
        runs: folders of runs or tests, or metrics.json files.
        format: format of the table; csv holds fractions in full precision, the others hold percent.
        output: file to write instead of the terminal; it must not exist.
        over_seeds: take the runs as repetitions with different seeds: one row per protocol, with mean, deviation and interval over them.
        over_trials: take the runs as trials of a protocol that trains once per trial (RegDB): .../trial-1, .../trial-2 become one row.
    """
    if over_seeds and over_trials:
        raise SettingsError("`over_seeds` and `over_trials` exclude each other: summarise the trials of one seed at a time.")
    if output is not None and Path(output).exists():
        raise OutputError(f"{output!r} exists, and nothing is overwritten. Name another file.")
    read = [read_results(run) for run in runs]
    rows = over_seeds_rows(read) if over_seeds else over_trials_rows(read) if over_trials else single_rows(read)
    note, console = _note(rows), table_console()
    if output is not None:
        write_text_atomically(Path(output), FORMATS[format](rows, note))
        console.print(f"Wrote {printable(output)}", soft_wrap=True)
    elif format == "terminal":
        console.print(terminal_table(rows))
        console.print(note)
    else:
        console.out(visible(FORMATS[format](rows, note)), end="")
    return 0


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
