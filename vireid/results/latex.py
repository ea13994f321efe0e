"""A summary as a table of LaTeX, in the form of papers: rows are runs, columns are protocols and measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vireid.results.summary import SummaryRow

MARKS = "abcdefghijklmnopqrstuvwxyz"
NOTE = "Needs \\usepackage{booktabs}."
BOLD = "Bold: better than every other row by the paired test (p < 0.05)."


def latex(rows: Sequence[SummaryRow], note: str, columns: Mapping[str, str]) -> str:
    """A ``tabular`` of booktabs, percent with one decimal; the notes are comments.

    The deviation stands beside a mean over runs or over trials with a training each, not beside one over galleries. A number is bold if
    the row is better than every other of its protocol by the paired test. Remarks stand below the table.

    Args:
        rows: of the table.
        note: what the numbers are over.
        columns: measures by the head of their column.
    """
    protocols = list(dict.fromkeys(row.result.name for row in rows))
    runs = list(dict.fromkeys(row.run for row in rows))
    cells = {(row.run, row.result.name): row for row in rows}
    remarks = list(dict.fromkeys(row.result.remark for row in rows if row.result.remark))
    width = len(protocols) * len(columns)
    heads = [f"\\multicolumn{{{len(columns)}}}{{c}}{{{escaped(name)}}}" for name in short_heads(protocols)]
    rules = [f"\\cmidrule(lr){{{2 + n * len(columns)}-{1 + (n + 1) * len(columns)}}}" for n in range(len(protocols))]
    body = [_line([_name(run, rows, remarks), *_numbers(cells, run, protocols, columns)]) for run in runs]
    below = [
        _line([f"\\multicolumn{{{1 + width}}}{{l}}{{\\footnotesize {_mark(n)} {escaped(remark)}}}"]) for n, remark in enumerate(remarks)
    ]
    table = [
        f"\\begin{{tabular}}{{@{{}}l{'r' * width}@{{}}}}",
        "\\toprule",
        _line(["", *heads]),
        "".join(rules),
        _line(["run", *(list(columns) * len(protocols))]),
        "\\midrule",
        *body,
        "\\bottomrule",
        *below,
        "\\end{tabular}",
    ]
    bold = [BOLD] if any(row.best for row in rows) else []
    bold.append(f"Protocols: {', '.join(protocols)}.")
    return "\n".join(f"% {line}" for line in (NOTE, note, *bold)) + "\n" + "\n".join(table) + "\n"


def short_heads(protocols: Sequence[str]) -> list[str]:
    """Protocols without the parts that all of them begin or end with, so that a column of a page holds them.

    Example:
        >>> short_heads(["sysu/all/single-shot/seeded", "sysu/indoor/single-shot/seeded"]), short_heads(["regdb/v"])
        (['all', 'indoor'], ['regdb/v'])
    """
    parts = [name.split("/") for name in protocols]
    for end in (0, -1):
        while len(parts) > 1 and min(map(len, parts)) > 1 and len({part[end] for part in parts}) == 1:
            parts = [part[1:] if end == 0 else part[:-1] for part in parts]
    return ["/".join(part) for part in parts]


def escaped(text: str) -> str:
    """Text that LaTeX prints as it is.

    Example:
        >>> escaped("50 % of a_b")
        '50 \\\\% of a\\\\_b'
    """
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"}
    return "".join(special.get(letter, f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text.replace("\n", " "))


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _name(run: str, rows: Sequence[SummaryRow], remarks: Sequence[str]) -> str:
    """Name of a run, with the marks of its remarks."""
    own = dict.fromkeys(row.result.remark for row in rows if row.run == run and row.result.remark)
    return escaped(run) + "".join(_mark(remarks.index(remark)) for remark in own)


def _mark(number: int) -> str:
    return f"\\textsuperscript{{{MARKS[number % len(MARKS)] * (1 + number // len(MARKS))}}}"


def _numbers(cells: Mapping[tuple[str, str], SummaryRow], run: str, protocols: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    return [_number(cells.get((run, name)), metric) for name in protocols for metric in columns.values()]


def _number(row: SummaryRow | None, metric: str) -> str:
    if row is None:
        return "--"
    mean, deviation, _, _ = row.numbers(metric)
    number = f"{100 * mean:.1f}"
    number = f"\\textbf{{{number}}}" if metric in row.best else number
    return number if row.count == 1 or row.kind == "galleries" else f"{number} {{\\scriptsize$\\pm${100 * deviation:.1f}}}"
