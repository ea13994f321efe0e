"""The check of a dataset folder, with its progress and its report on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from vireid.data.check import CheckReport, check_dataset

SHOWN = 20  # messages of one kind


def check_and_show(root: str, workers: int | None) -> CheckReport:
    """Check a folder and print what was found; see :func:`~vireid.data.check.check_dataset`."""
    console = Console()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Reading images", total=None)
        report = check_dataset(root, lambda done, total: progress.update(task, completed=done, total=total), workers)
    _show(report, root, console)
    return report


def _show(report: CheckReport, root: str, console: Console) -> None:
    table = Table(title=f"{root}: {report.layout}, {report.images} images")
    for column in ("split", "camera", "identities", "images"):
        table.add_column(column, justify="right" if column in ("identities", "images") else "left")
    for (split, camera), (identities, images) in report.counts.items():
        table.add_row(split, camera, str(identities), str(images))
    console.print(table)
    for name, colour, messages in (("warning", "yellow", report.warnings), ("error", "red", report.errors)):
        for message in messages[:SHOWN]:
            console.print(f"[{colour}]{name}:[/{colour}] {escape(message)}", soft_wrap=True)
        if len(messages) > SHOWN:
            console.print(f"[{colour}]{name}:[/{colour}] and {len(messages) - SHOWN} more", soft_wrap=True)
    console.print(f"{len(report.errors)} errors, {len(report.warnings)} warnings.")
