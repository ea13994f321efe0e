"""``vireid data``: check a dataset folder, or draw one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from jsonargparse import auto_cli

from vireid.commands.parser import ShortErrors
from vireid.errors import SettingsError


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
            parser_class=ShortErrors,
            description="Check or draw data sets.",
        )
    )


def check(root: str, workers: int = 0, height: int = 256, width: int = 128) -> int:
    """Check a dataset folder: lists, counts against the release, and every image. Measure mean and deviation of each modality.

    The numbers of at most 500 training images of each modality are printed as a file for ``-c``, beside rows and columns that hardly
    vary, such as black bars.

    Args:
        root: folder in the layout of SYSU-MM01, RegDB, LLCM, Market-1501, DukeMTMC-reID or MSMT17, or with visible/ and infrared/
            folders, or a CSV file.
        workers: threads that read images; 0 is one per processor.
        height: to which images are resized before they are measured, in pixels: that of the network's input.
        width: to which images are resized before they are measured, in pixels: that of the network's input.

    Returns:
        0, or 2 if something is missing or unreadable.
    """
    from vireid.commands.data_check import check_and_show

    return 0 if check_and_show(root, workers or None, height, width).ok else 2


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
    world: Literal["contrast", "detail", "noise", "lamp", "bars", "exposure", "mixed"] = "contrast",
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
        world: what infrared cameras do beside; contrast is nothing, low contrast is then the whole gap between the modalities.
        workers: processes that draw; 0 draws in this one.

    Returns:
        0.

    Raises:
        SettingsError: a number out of range.
        OutputError: the folder is not empty or cannot be written.
    """
    from rich.console import Console
    from rich.markup import escape

    from vireid.data.synthetic import write_dataset

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
            world=world,
            workers=workers,
            progress=True,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error
    Console().print(f"Wrote {identities} identities to {escape(os.fspath(path))}.", soft_wrap=True)
    return 0
