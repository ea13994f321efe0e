"""The check of a dataset folder, with its progress and its report on the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from vireid.data.appearance import Appearance
from vireid.data.check import CheckReport, check_dataset
from vireid.data.pixels import PixelRange
from vireid.printable import printable
from vireid.terminal import console, say

SHOWN = 20  # messages of one kind


def check_and_show(
    root: str, workers: int | None, height: int, width: int, pixel_range: PixelRange | None, image_root: str | None
) -> CheckReport:
    """Check a folder and print what was found; see :func:`~vireid.data.check.check_dataset`."""
    terminal = console()
    with Progress(console=terminal, transient=True) as progress:
        task = progress.add_task("Reading images", total=None)

        def count(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        report = check_dataset(root, count, workers, height, width, pixel_range, image_root)
    _show(report, root, terminal)
    _show_appearance(report.appearance, height, width)
    return report


def _show(report: CheckReport, root: str, terminal: Console) -> None:
    table = Table(title=f"{printable(root)}: {report.layout}, {report.images} images")
    for column in ("split", "camera", "identities", "images"):
        table.add_column(column, justify="right" if column in ("identities", "images") else "left")
    for (split, camera), (identities, images) in report.counts.items():
        table.add_row(split, camera, str(identities), str(images))
    terminal.print(table)
    for name, colour, messages in (("warning", "yellow", report.warnings), ("error", "red", report.errors)):
        for message in messages[:SHOWN]:
            terminal.print(Text.assemble((f"{name}:", colour), f" {printable(message)}"), soft_wrap=True)
        if len(messages) > SHOWN:
            terminal.print(Text.assemble((f"{name}:", colour), f" and {len(messages) - SHOWN} more"), soft_wrap=True)
    terminal.print(f"{len(report.errors)} errors, {len(report.warnings)} warnings.")


def _show_appearance(found: Mapping[str, Appearance], height: int, width: int) -> None:
    if not found:
        return
    counts = " and ".join(f"{one.images} {modality}" for modality, one in found.items())
    lines = [f"\nMeasured on {counts} training images at {height} x {width}."]
    for modality, one in found.items():
        for name, spans, size in (("Rows", one.rows, height), ("Columns", one.columns, width)):
            if spans:
                still = ", ".join(f"{first} to {last}" for first, last in spans)
                lines.append(f"{name} {still} (of {size}, from 0) hardly vary over {modality} images: bars, or a border.")
    for line in [*lines, "mean and std as a file, to be given with -c after the recipe:\n", statistics_layer(found)]:
        say(line)


def statistics_layer(found: Mapping[str, Appearance]) -> str:
    """Mean and deviation of each modality, or of the only one, as the content of a configuration file."""

    def numbers(values: tuple[float, float, float]) -> str:
        return "[" + ", ".join(f"{value:.4f}" for value in values) + "]"

    def statistics(name: str) -> str:
        each = {modality: numbers(getattr(one, name)) for modality, one in found.items()}
        return (
            next(iter(each.values())) if len(each) == 1 else "{" + ", ".join(f"{modality}: {text}" for modality, text in each.items()) + "}"
        )

    return f"""data:
  init_args:
    augmentation:
      # class_path: vireid.data.CMNASAugmentation # the default: uncomment this line if no earlier file names an augmentation
      init_args:
        # pad_fill: mean # uncomment this line if an earlier file, or the default, pads with black
        mean: {statistics("mean")}
        std: {statistics("std")}"""
