"""``vireid report``: a page about runs, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vireid.commands.parser import ShortErrors
from vireid.printable import printable
from vireid.terminal import say

Images = Literal["thumbnails", "none"]


def main(words: list[str]) -> int:
    """Run ``vireid report RUN...``; ``words[0]`` is ``report``."""
    about = "A page about runs, in one file: results, curves, ranked lists, distances, embeddings, architecture, provenance."
    parser = ShortErrors(prog="vireid report", description=about)
    parser.add_argument("runs", nargs="+", type=str, help="folders of runs or tests; the first test is shown in detail")
    parser.add_function_arguments(report, skip={"runs"})
    return report(**vars(parser.parse_args(words[1:])))


def report(runs: list[str], output: str = "report.html", images: Images = "thumbnails", root: str | None = None) -> int:
    """A page about runs, in one file.

    Args:
        runs: folders of runs or tests.
        output: file to write; it must not exist.
        images: thumbnails of people, or none, as for licensed pictures that may not be passed on.
        root: where the data folder is now, if it has moved since the test.
    """
    from vireid.report import write_report

    for remark in write_report(runs, output, images, root):
        say(printable(remark))
    say(f"Wrote {printable(output)} ({Path(output).stat().st_size / 1e6:.1f} MB). Open it in a browser.")
    return 0
