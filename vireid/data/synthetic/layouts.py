"""The published folder layouts: which units make a data set, where their images go, and the lists that go with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from vireid.data.synthetic.materials import Sensor
from vireid.data.synthetic.people import BLOCK
from vireid.data.synthetic.render import SHOTS, Drawn, Unit
from vireid.data.synthetic.streams import Purpose, stream

LayoutName = Literal["sysu", "regdb"]
Style = Literal["near_infrared", "thermal"]
TRIALS = 10
JPEG_QUALITY = 92


class Layout(Protocol):
    """What the writer needs to know of a layout."""

    default_images: int

    def cameras(self, style: Style) -> dict[int, Sensor]:
        """Sensor of every camera number."""
        ...

    def save(self, root: Path, unit: Unit, drawn: Drawn) -> None:
        """Write the images of a unit under ``root``."""
        ...

    def lists(self, root: Path, seed: int, identities: int, test_identities: int | None) -> None:
        """Write the lists of identities or images, after all images."""
        ...


class Sysu:
    """``cam1``..``cam6`` with ``NNNN/NNNN.jpg``; cameras 3 and 6 are infrared; ``exp/*_id.txt``."""

    default_images = 3

    def cameras(self, style: Style) -> dict[int, Sensor]:
        """Six cameras."""
        return {camid: style if camid in (3, 6) else "visible" for camid in range(1, 7)}

    def save(self, root: Path, unit: Unit, drawn: Drawn) -> None:
        """JPEG files, numbered from 1."""
        for pid, images in zip(unit.pids, drawn.images, strict=True):
            folder = root / f"cam{unit.camid}" / f"{pid:04d}"
            folder.mkdir(parents=True, exist_ok=True)
            for number, image in enumerate(images, start=unit.first + 1):
                Image.fromarray(image).save(folder / f"{number:04d}.jpg", quality=JPEG_QUALITY)

    def lists(self, root: Path, seed: int, identities: int, test_identities: int | None) -> None:
        """Four lists: one line of identity numbers, separated by commas."""
        order = stream(seed, Purpose.SPLIT, 0).permutation(identities) + 1
        test = test_identities if test_identities is not None else max(2, round(identities / 5))
        val = max(1, round((identities - test) / 5))
        parts = {"test": order[:test], "val": order[test : test + val], "train": order[test + val :], "available": order}
        for name, pids in parts.items():
            path = root / "exp" / f"{name}_id.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(",".join(str(pid) for pid in sorted(pids)) + "\n", encoding="utf-8")


class RegDB:
    """``Visible/<id>/*.bmp`` and ``Thermal/<id>/*.bmp``; ``idx/{train,test}_{visible,thermal}_{1..10}.txt``."""

    default_images = 10

    def cameras(self, style: Style) -> dict[int, Sensor]:
        """Camera 1 is the visible one."""
        return {1: "visible", 2: style}

    def save(self, root: Path, unit: Unit, drawn: Drawn) -> None:
        """Bitmaps named like the published ones: sex, view, modality, running number, identity."""
        folder_name, letter = ("Visible", "v") if unit.camid == 1 else ("Thermal", "t")
        for pid, images, frontal in zip(unit.pids, drawn.images, drawn.frontal, strict=True):
            folder = root / folder_name / str(pid)
            folder.mkdir(parents=True, exist_ok=True)
            for number, (image, front) in enumerate(zip(images, frontal, strict=True), start=unit.first + 1):
                name = f"{'male' if pid % 2 else 'female'}_{'front' if front else 'back'}_{letter}_{number:05d}_{pid}.bmp"
                Image.fromarray(image).save(folder / name)

    def lists(self, root: Path, seed: int, identities: int, test_identities: int | None) -> None:
        """Ten draws of training and test identities; labels count from 0 within each file, in the order of the folder numbers."""
        (root / "idx").mkdir()
        test = test_identities if test_identities is not None else identities - identities // 2
        for trial in range(1, TRIALS + 1):
            order = stream(seed, Purpose.SPLIT, trial).permutation(identities) + 1
            for part, pids in (("train", sorted(order[test:])), ("test", sorted(order[:test]))):
                for modality in ("Visible", "Thermal"):
                    path = root / "idx" / f"{part}_{modality.lower()}_{trial}.txt"
                    path.write_text("".join(_index_lines(root, modality, pids)), encoding="utf-8")


LAYOUTS: dict[str, Layout] = {"sysu": Sysu(), "regdb": RegDB()}


def units(cameras: dict[int, Sensor], identities: int, images: int) -> list[Unit]:
    """The work: one camera x one block of people x a few shots each. The cut does not depend on who does it."""
    return [
        Unit(camid, sensor, block, min(BLOCK, identities - block * BLOCK), first, min(SHOTS, images - first))
        for camid, sensor in cameras.items()
        for block in range(-(-identities // BLOCK))
        for first in range(0, images, SHOTS)
    ]


def _index_lines(root: Path, modality: str, pids: Sequence[np.int64]) -> Iterator[str]:
    for label, pid in enumerate(pids):
        for path in sorted((root / modality / str(pid)).iterdir()):
            yield f"{modality}/{pid}/{path.name} {label}\n"
