"""``vireid data``: check a dataset folder, decode its images once for all runs, or generate one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jsonargparse import auto_cli

from vireid.commands.parser import ShortErrors
from vireid.errors import SettingsError
from vireid.printable import printable


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
            {"check": check, "cache": cache, "synthesize": synthesize},
            args=words[1:],
            prog="vireid data",
            parser_class=ShortErrors,
            description="Check, cache or generate data sets.",
        )
    )


def check(
    root: str,
    workers: int = 0,
    height: int = 256,
    width: int = 128,
    pixel_range: tuple[float, float] | None = None,
    image_root: str | None = None,
) -> int:
    """Check a dataset folder: lists, counts against the release, and every image. Measure mean and deviation of each modality.

    The numbers are measured on at most 500 training images of each modality, and printed as a file for ``-c``. Rows and columns that
    hardly vary, such as black bars, are listed too. So are images of more than 8 bits, turned by EXIF, transparent, or much darker or
    brighter than the others of their camera.

    Args:
        root: folder in the layout of SYSU-MM01, RegDB, LLCM, Market-1501, DukeMTMC-reID or MSMT17, or with visible/ and infrared/
            folders, or a CSV file.
        workers: threads that read images; 0 is one per processor.
        height: height in pixels to which images are resized before they are measured; give that of the network's input.
        width: width in pixels to which images are resized before they are measured; give that of the network's input.
        pixel_range: values that become black and white in images of more than 8 bits with one channel, such as [0,16383]; null for 0
            and the largest number of the file's depth.
        image_root: folder that the paths of a CSV file are relative to, and that they may not leave; null for the folder of that file.

    Returns:
        0, or 2 if something is missing or unreadable.
    """
    from vireid.commands.data_check import check_and_show

    return 0 if check_and_show(root, workers or None, height, width, pixel_range, image_root).ok else 2


def cache(
    root: str,
    height: int = 256,
    width: int = 128,
    workers: int = 0,
    pixel_range: tuple[float, float] | None = None,
    image_root: str | None = None,
    draft_jpeg: bool = False,
) -> int:
    """Decode and resize every image of a dataset folder once, for all runs with --data.cache_images disk.

    Runs do so themselves when they begin. A run that was killed, and images that were changed since, cost only what is missing.

    Args:
        root: folder or CSV file, as of vireid data check.
        height: height of the network's input, in pixels.
        width: width of the network's input, in pixels.
        workers: threads that decode; 0 is one per processor.
        pixel_range: values that become black and white in images of more than 8 bits with one channel, as the runs have it.
        image_root: folder that the paths of a CSV file are relative to; null for the folder of that file.
        draft_jpeg: whether large JPEG files are decoded at a part of their size, as the runs have it.

    Returns:
        0, or 2 if images are missing or unreadable.
    """
    from vireid.commands.data_cache import cache_and_show

    return cache_and_show(root, height, width, workers, pixel_range, image_root, draft_jpeg)


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
    """Generate people and write them in the folder layout of a published data set.

    Args:
        root: folder to write to; it must be empty or absent.
        layout: data set whose folder layout is written.
        identities: number of people in all.
        test_identities: how many of these people are kept for the test; null for the generator's default.
        images: number of images of each identity and camera; null for the generator's default.
        seed: seed of the generator.
        height: height of the images, in pixels.
        width: width of the images, in pixels.
        style: kind of infrared images: near-infrared or thermal.
        world: what infrared cameras do beside a low contrast. With contrast, low contrast is the whole gap between the modalities.
        workers: number of processes that generate images; 0 for this process alone.

    Returns:
        0.

    Raises:
        SettingsError: a number is out of range.
        OutputError: the folder is not empty or cannot be written.
    """
    from vireid.data.synthetic import write_dataset
    from vireid.terminal import say

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
    say(f"Wrote {identities} identities to {printable(path)}.")
    return 0
