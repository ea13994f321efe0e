"""The published folder layouts: the units of a dataset, the places of their images, and the lists."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from vireid.data.image_files import open_image
from vireid.data.synthetic.materials import Sensor
from vireid.data.synthetic.people import BLOCK
from vireid.data.synthetic.render import MOUNT, SHOTS, Drawn, Unit
from vireid.data.synthetic.streams import Purpose, stream

LayoutName = Literal["sysu", "regdb", "llcm", "market"]
Style = Literal["near_infrared", "thermal"]
TRIALS = 10
JPEG_QUALITY = 92


class Layout(Protocol):
    """Interface of a layout for the writer."""

    default_images: int
    least_images: int

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
    least_images = 1

    def cameras(self, style: Style) -> dict[int, Sensor]:
        """Six cameras."""
        return {camid: style if camid in (3, 6) else "visible" for camid in range(1, 7)}

    def save(self, root: Path, unit: Unit, drawn: Drawn) -> None:
        """JPEG files, numbered from 1."""
        for pid, images in zip(unit.pids, drawn.images, strict=True):
            folder = root / f"cam{unit.camid}" / f"{pid:04d}"
            folder.mkdir(parents=True, exist_ok=True)
            for number, image in enumerate(images, start=unit.first + 1):
                _write(image, folder / f"{number:04d}.jpg")

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
    least_images = 1

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
                _write(image, folder / name)

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


class LLCM:
    """``vis/<id>`` and ``nir/<id>`` with all images, ``test_vis/cam<d>/<id>`` and ``test_nir/cam<d>/<id>`` with copies of the test ones.

    There are nine cameras. All but the third have a near-infrared sensor next to the visible one, with the same number.
    """

    default_images = 2
    least_images = 1

    def cameras(self, style: Style) -> dict[int, Sensor]:
        """Visible cameras 1..9, and infrared sensors on the mounts of all but camera 3."""
        infrared: dict[int, Sensor] = {MOUNT + camid: style for camid in range(1, 10) if camid != 3}
        return {**dict.fromkeys(range(1, 10), "visible"), **infrared}

    def save(self, root: Path, unit: Unit, drawn: Drawn) -> None:
        """JPEG files named like the published ones: identity, camera, sequence, frame, modality."""
        kind = "nir" if unit.camid > MOUNT else "vis"
        for pid, images in zip(unit.pids, drawn.images, strict=True):
            folder = root / kind / f"{pid:04d}"
            folder.mkdir(parents=True, exist_ok=True)
            for number, image in enumerate(images, start=unit.first + 1):
                name = f"{pid:04d}_c{unit.camid % MOUNT:02d}_s{number:06d}_f{number:04d}_{kind}.jpg"
                _write(image, folder / name)

    def lists(self, root: Path, seed: int, identities: int, test_identities: int | None) -> None:
        """Index files, and the copies of the test images; a third of the identities is test, as in the release."""
        (root / "idx").mkdir()
        test, train = _divide(seed, identities, test_identities if test_identities is not None else max(2, round(identities / 3)))
        (root / "idx" / "test_id.txt").write_text(",".join(map(str, test)) + "\n", encoding="utf-8")
        for kind in ("vis", "nir"):
            for part, pids in (("train", train), ("test", test)):
                lines = "".join(_index_lines(root, kind, [f"{pid:04d}" for pid in pids]))
                (root / "idx" / f"{part}_{kind}.txt").write_text(lines, encoding="utf-8")
            for pid in test:
                for path in sorted((root / kind / f"{pid:04d}").iterdir()):
                    folder = root / f"test_{kind}" / f"cam{int(path.name.split('_')[1][1:])}" / f"{pid:04d}"
                    folder.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, folder / path.name)


class Market:
    """``bounding_box_train``, ``query`` and ``bounding_box_test`` of six visible cameras.

    The gallery also has distractors (identity 0) and junk (identity -1): badly placed boxes around training people and around test
    people. There are a few of each; the release has thousands.
    """

    default_images = 3
    least_images = 2

    def cameras(self, style: Style) -> dict[int, Sensor]:  # noqa: ARG002 - no infrared camera
        """Six visible cameras."""
        return dict.fromkeys(range(1, 7), "visible")

    def save(self, root: Path, unit: Unit, drawn: Drawn) -> None:
        """JPEG files named like the published ones, all in the training folder until the lists are known."""
        folder = root / "bounding_box_train"
        folder.mkdir(parents=True, exist_ok=True)
        for pid, images in zip(unit.pids, drawn.images, strict=True):
            for number, image in enumerate(images, start=unit.first + 1):
                _write(image, folder / f"{pid:04d}_c{unit.camid}s1_{number:06d}_01.jpg")

    def lists(self, root: Path, seed: int, identities: int, test_identities: int | None) -> None:
        """Move the test people: their first image of each camera to the queries, the others to the gallery. Half of all are test."""
        train, query, gallery = (root / name for name in ("bounding_box_train", "query", "bounding_box_test"))
        query.mkdir()
        gallery.mkdir()
        test, others = _divide(seed, identities, test_identities if test_identities is not None else identities - identities // 2)
        few = max(2, len(test) // 2)
        for name, pids in (("0000", others), ("-1", test)):
            for index in range(few):
                pid, camid = pids[index % len(pids)], index % 6 + 1
                with open_image(str(train / f"{pid:04d}_c{camid}s1_000002_01.jpg")) as image:
                    misplaced = np.roll(np.asarray(image), (image.height // 3, image.width // 2), (0, 1))
                _write(misplaced, gallery / f"{name}_c{camid}s1_{index + 1:06d}_02.jpg")
        for pid in test:
            for path in sorted(train.glob(f"{pid:04d}_*")):
                first = path.name.endswith("_000001_01.jpg")
                path.rename(query / path.name.replace("_01.jpg", "_00.jpg") if first else gallery / path.name)


LAYOUTS: dict[str, Layout] = {"sysu": Sysu(), "regdb": RegDB(), "llcm": LLCM(), "market": Market()}


def units(cameras: dict[int, Sensor], identities: int, images: int) -> list[Unit]:
    """Units of work: one camera x one block of people x a few shots each. They do not depend on the number of processes."""
    return [
        Unit(camid, sensor, block, min(BLOCK, identities - block * BLOCK), first, min(SHOTS, images - first))
        for camid, sensor in cameras.items()
        for block in range(-(-identities // BLOCK))
        for first in range(0, images, SHOTS)
    ]


def _write(pixels: np.ndarray, path: Path) -> None:
    """Write a JPEG file or a bitmap from memory: pillow takes a write that a full disk cut short for a whole one."""
    memory = io.BytesIO()
    if path.suffix == ".bmp":
        Image.fromarray(pixels).save(memory, "BMP")
    else:
        Image.fromarray(pixels).save(memory, "JPEG", quality=JPEG_QUALITY)
    path.write_bytes(memory.getvalue())


def _divide(seed: int, identities: int, test: int) -> tuple[list[int], list[int]]:
    """Test and training identities, each ascending, by the seed."""
    order = stream(seed, Purpose.SPLIT, 0).permutation(identities) + 1
    return sorted(order[:test].tolist()), sorted(order[test:].tolist())


def _index_lines(root: Path, modality: str, pids: Sequence[object]) -> Iterator[str]:
    for label, pid in enumerate(pids):
        for path in sorted((root / modality / str(pid)).iterdir()):
            yield f"{modality}/{pid}/{path.name} {label}\n"
