"""A report: one page in one file, the same bytes for the same runs."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from vireid.errors import OutputError
from vireid.files import write_text_atomically
from vireid.report.figures import check_matplotlib
from vireid.report.markup import Markup, joined, tag
from vireid.report.sections import curves, head, lists, network, provenance, results, scores, space
from vireid.report.thumbnails import Shown, Thumbnails
from vireid.report.told import Page, tests_of, told
from vireid.results.run_folder import Run, read_run
from vireid.version import __version__

HERE = Path(__file__).parent
SECTIONS = (
    results.results,
    results.comparison,
    curves.curves,
    lists.lists,
    lists.alike,
    scores.distances,
    space.space,
    scores.cameras,
    lists.confused,
    network.architecture,
    network.shortlist,
    network.course,
    network.training,
    provenance.provenance,
)
SHORT = {
    "results": "Results",
    "comparison": "Difference",
    "curves": "CMC, DET",
    "lists": "Ranked lists",
    "attention": "Attention",
    "distances": "Distances",
    "space": "Embeddings",
    "cameras": "Cameras",
    "confused": "Confusions",
    "architecture": "Architecture",
    "shortlist": "Shortlist",
    "course": "Search",
    "training": "Training",
    "provenance": "Provenance",
}


def write_report(
    paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], images: Shown = "thumbnails", root: str | None = None
) -> list[str]:
    """Write a page about runs.

    Args:
        paths: folders of runs or tests; the first test is shown in detail, the others beside it.
        output: file to write; it must not exist.
        images: ``thumbnails``, or ``none`` for a page without pictures of people.
        root: where the data folder is now, if it has moved.

    Returns:
        Remarks for the user, such as that images could not be read.

    Raises:
        SettingsError: matplotlib is not installed.
        OutputError: the file exists, or cannot be written.
        MissingFileError, ResultsError, GenotypeError: a folder is no run, or a file of it is damaged.

    Example::

        remarks = write_report(["runs/child", "runs/baseline"], "side-by-side.html")
    """
    check_matplotlib()
    if Path(output).exists():
        raise OutputError(f"{os.fspath(output)!r} exists, and nothing is overwritten. Name another file with --output.")
    made, remarks = page([read_run(path) for path in paths], images, root)
    write_text_atomically(Path(output), made)
    return remarks


def page(runs: Sequence[Run], images: Shown = "thumbnails", root: str | None = None) -> tuple[str, list[str]]:
    """The page as HTML, and remarks for the user; arguments as for :func:`write_report`.

    Example::

        text, remarks = page(runs, images="none")
    """
    named = told(runs)
    tests = tests_of(named)
    content = Page(named, tests, Thumbnails(tests[0].results, images, root) if tests else None)
    top = head.head(content)
    body = [part for make in SECTIONS if (part := make(content)) is not None]
    remarks = []
    if content.thumbnails is not None and content.thumbnails.absent:
        absent = content.thumbnails.absent
        moved = "If the data folder has moved, name it by --root."
        remarks = [f"{len(absent)} images could not be read, such as {next(iter(absent))}. {moved}"]
    return _document(" · ".join(each.label for each in named), top, body), remarks


def _meta(name: str, content: str) -> Markup:
    return Markup(f'<meta name="{name}" content="{content}">')


def _document(title: str, top: Markup, body: list[Markup]) -> str:
    script, style = ((HERE / name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    links = [tag("a", words, href=f"#{anchor}") for anchor, words in SHORT.items() if any(f' id="{anchor}"' in part[:200] for part in body)]
    theme = tag("button", "◐", type="button", id="theme", title="light or dark", aria_label="switch between light and dark", hidden=True)
    return "<!DOCTYPE html>\n" + tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            _meta("viewport", "width=device-width, initial-scale=1"),
            _meta("color-scheme", "light dark"),
            tag("title", f"{title} · vireid"),
            tag("style", Markup(style)),
        ),
        tag(
            "body",
            tag("nav", tag("div", *links), theme, aria_label="sections"),
            tag("main", top, joined(*body)),
            tag("footer", f"Made by vireid {__version__} from the files of the runs. Nothing is loaded from elsewhere."),
            tag("script", Markup(script)),
        ),
        lang="en",
    )
