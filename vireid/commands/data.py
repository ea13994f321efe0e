"""``vireid data``: check a dataset folder, or draw one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from jsonargparse import auto_cli
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from vireid.data.check import CheckReport, check_dataset
from vireid.data.synthetic import write_dataset
from vireid.errors import SettingsError

SHOWN = 20  # messages of one kind


def main(words: list[str]) -> int:
    """Run ``vireid data ...``.

    Args:
        words: ``data`` and what follows it.

    Returns:
        Exit code: 0, or 2 if the data has errors.

    Raises:
        VireidError: bad input.
        SystemExit: bad usage (code 2), or ``--help`` (code 0).
    """
    return int(
        auto_cli(
            {"check": check, "synthesize": synthesize},
            args=words[1:],
            prog="vireid data",
            description="Check or draw data sets.",
        )
    )


def check(root: str, workers: int = 0) -> int:
    """Check a dataset folder: lists, counts against the release, and every image.

    Args:
        root: folder in the layout of SYSU-MM01, RegDB, LLCM, Market-1501, DukeMTMC-reID or MSMT17, or with visible/ and infrared/
            folders, or a CSV file.
        workers: threads that read images; 0 is one per processor.

    Returns:
        0, or 2 if something is missing or unreadable.
    """
    console = Console()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Reading images", total=None)
        report = check_dataset(root, lambda done, total: progress.update(task, completed=done, total=total), workers or None)
    _show(report, root, console)
    return 0 if report.ok else 2


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


def synthesize(
    root: str = "data/synthetic",
    layout: Literal["sysu", "regdb", "llcm", "market"] = "sysu",
    identities: int = 310,
    test_identities: int | None = None,
    images: int | None = None,
    seed: int = 0,
    height: int = 128,
    width: int = 64,
    style: Literal["near_infrared", "thermal"] = "near_infrared",
    workers: int = 0,
) -> int:
    """Draw people and write them as a published data set lies on disk.

    Args:
        root: folder to write to; it must be empty or absent.
        layout: whose layout.
        identities: people in all.
        test_identities: how many are kept for the test; null is the generator's default.
        images: of each identity and camera; null is the generator's default.
        seed: of the drawing.
        height: of the images, in pixels.
        width: of the images, in pixels.
        style: of infrared images.
        workers: processes that draw; 0 draws in this one.

    Returns:
        0.

    Raises:
        SettingsError: a number out of range.
        OutputError: the folder is not empty or cannot be written.
    """
    try:
        path = write_dataset(
            Path(root),
            layout=layout,
            identities=identities,
            test_identities=test_identities,
            images=images,
            seed=seed,
            height=height,
            width=width,
            style=style,
            workers=workers,
            progress=True,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error
    Console().print(f"Wrote {identities} identities to {escape(os.fspath(path))}.", soft_wrap=True)
    return 0
