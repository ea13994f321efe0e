"""Check of a dataset folder: its layout, its counts, and every image."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from vireid.data.appearance import Appearance, appearances
from vireid.data.datasets.folder import PairedFolder
from vireid.data.datasets.llcm import LLCM
from vireid.data.datasets.market import DukeMTMC, Market1501
from vireid.data.datasets.msmt17 import MSMT17, VERSIONS
from vireid.data.datasets.regdb import TRIALS, RegDB
from vireid.data.datasets.releases import Counts, differences, found_in, found_in_sysu
from vireid.data.datasets.sysu import SYSU
from vireid.data.inspection import findings, inspect
from vireid.data.pixels import PixelRange, check_range
from vireid.errors import DatasetError, SettingsError, VireidError
from vireid.structures import Modality, Record

Layout = Literal["sysu", "regdb", "folder", "llcm", "market1501", "dukemtmc", "msmt17"]
BOXES = {"bounding_box_train", "query", "bounding_box_test"}
OnImage = Callable[[int, int], None]
Records = tuple[list[Record], list[Record]]  # all, and those of training


@dataclass
class CheckReport:
    """Result of a check.

    Attributes:
        layout: layout of the folder.
        counts: identities and images per split and camera.
        images: number of different image files.
        warnings: findings that do not prevent use: files that are not images, numbers that differ from the release, images that
            are deep, turned, transparent or much darker or brighter than their camera's others.
        errors: missing lists and images, and unreadable images, with their paths.
        appearance: appearance of the training images of each modality, by its name.
    """

    layout: Layout
    counts: Counts = field(default_factory=dict)
    images: int = 0
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    appearance: dict[str, Appearance] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the data can be used as it is."""
        return not self.errors


def detect_layout(root: str | Path) -> Layout:
    """Layout of a dataset folder, by the names in it.

    Raises:
        DatasetError: no known layout is recognised. The message lists what was looked for.
    """
    path = Path(root)
    if path.is_file() and path.suffix.lower() == ".csv":
        return "folder"
    if path.is_dir():
        names = {entry.name for entry in os.scandir(path)}
        if "cam1" in names or {"exp", "cam3"} <= names:
            return "sysu"
        if names & {"vis", "nir", "test_vis", "test_nir"}:
            return "llcm"
        if names & {*VERSIONS, "mask_train_v2", "list_train.txt", "list_query.txt"}:
            return "msmt17"
        for dataset in (Market1501, DukeMTMC):
            if dataset.FOLDER in names or (len(names & BOXES) > 1 and _named_like(path, dataset)):
                return "market1501" if dataset is Market1501 else "dukemtmc"
        if len(names & BOXES) > 1:
            return "market1501"
        if names & {"Visible", "Thermal"} or "idx" in names:
            return "regdb"
        if names & {"visible", "infrared"} or {"train", "test"} <= names:
            return "folder"
    raise DatasetError(
        f"{str(root)!r} has none of the known layouts; looked for cam1/ .. cam6/ and exp/ (SYSU-MM01), Visible/, "
        "Thermal/ and idx/ (RegDB), vis/, nir/, test_vis/ and test_nir/ (LLCM), bounding_box_train/, query/ and bounding_box_test/ "
        "(Market-1501, DukeMTMC-reID), list_train.txt and list_query.txt (MSMT17), "
        "visible/ and infrared/, directly or under train/ and test/ (folder), or a .csv file."
    )


def _named_like(root: Path, dataset: type[Market1501] | type[DukeMTMC]) -> bool:
    """Whether the first file in the layout's folders is named like the images of the dataset."""
    names = (entry.name for folder in sorted(BOXES) if (root / folder).is_dir() for entry in os.scandir(root / folder))
    return any(dataset.PATTERN.match(name) for name in names)


def check_dataset(
    root: str | Path,
    on_image: OnImage | None = None,
    workers: int | None = None,
    height: int = 256,
    width: int = 128,
    pixel_range: PixelRange | None = None,
    image_root: str | Path | None = None,
) -> CheckReport:
    """Read all lists, compare the counts with the release, decode every image, and measure some training images.

    Args:
        root: dataset folder, or CSV file.
        on_image: called with the number of images done and the total, after each image.
        workers: number of threads that decode; ``None`` means one per processor.
        height, width: size to which images are resized before they are measured, in pixels. Give the size of the network's input.
        pixel_range: values that become black and white in images of more than 8 bits with one channel; ``None``: their depth.
        image_root: folder that the paths of a CSV file are relative to, and that they may not leave; ``None``: the folder of that file.

    Raises:
        DatasetError: the layout is not known.
        DatasetNotFoundError: a folder of the layout is absent.
        SettingsError: ``height`` or ``width`` is below 1, ``pixel_range`` is not two different numbers, or ``image_root`` is given without
            a CSV file.

    Example::

        report = check_dataset("data/SYSU-MM01")
        print(report.ok, report.errors)
    """
    if min(height, width) < 1:
        raise SettingsError(f"`height` and `width` must be at least 1, got {height} and {width}.")
    pixel_range = check_range(pixel_range)
    if image_root is not None and not Path(root).is_file():
        raise SettingsError(f"`image_root` is for a CSV file, and {str(root)!r} is none. Leave `image_root` out.")
    report, records, training = _lists(root, image_root)
    paths = sorted({record.path for record in records})
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        images = []
        for image in pool.map(lambda path: inspect(path, pixel_range), paths):
            images.append(image)
            if on_image:
                on_image(len(images), len(paths))
    report.errors.extend(image.problem for image in images if image.problem)
    report.warnings.extend(findings(images, records))
    report.appearance = appearances(training, height, width, workers=workers, pixel_range=pixel_range)
    return report


def listed_images(root: str | Path, image_root: str | Path | None = None) -> list[str]:
    """Paths of all images that the lists and folders of a dataset name, ascending; arguments and errors as in :func:`check_dataset`.

    Raises:
        DatasetError: something is missing; the message is the first error of the check.
    """
    report, records, _ = _lists(root, image_root)
    if report.errors:
        raise DatasetError(report.errors[0])
    return sorted({record.path for record in records})


def _lists(root: str | Path, image_root: str | Path | None) -> tuple[CheckReport, list[Record], list[Record]]:
    """The check of lists and counts, all images, and those of training."""
    report = CheckReport(detect_layout(root))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check = CHECKS[report.layout] if image_root is None else partial(_folder, image_root=image_root)
        records, training = check(Path(root), report)
    report.warnings.extend(str(warning.message) for warning in caught)
    report.images = len({record.path for record in records})
    return report, records, training


def one_modality_problems(split: str, records: Sequence[Record]) -> list[str]:
    """One message for each identity with images of one modality only; no cross-modality batch can be drawn from it."""
    visible, infrared = ({record.pid for record in records if record.modality == modality} for modality in Modality)
    kinds = {pid: "visible" if pid in visible else "infrared" for pid in sorted(visible ^ infrared)}
    who = {record.pid: record.who for record in records}
    return [f"identity {who[pid]} of {split} has {kind} images only" for pid, kind in kinds.items()]


def _sysu(root: Path, report: CheckReport) -> Records:
    dataset = SYSU(root)
    lists, records = {}, []
    for split in ("train", "val", "test"):
        try:
            lists[split] = dataset.ids(split)
        except VireidError as error:
            report.errors.append(str(error))
            continue
        for pid in lists[split]:
            try:
                records.extend(dataset.records([pid]))
            except DatasetError as error:
                report.errors.append(str(error))
        if split != "test":
            report.errors.extend(one_modality_problems(split, [record for record in records if record.pid in set(lists[split])]))
    if dataset.strays:
        report.warnings.append(f"{len(dataset.strays)} entries are not images, e.g. {dataset.strays[0]}")
    if len(lists) == 3:
        found = found_in_sysu(dataset)
        report.counts = found.counts
        report.warnings.extend(differences(found))
        if shared := set(lists["test"]) & {*lists["train"], *lists["val"]}:
            report.errors.append(f"{len(shared)} identities are in the test list and in a training list, e.g. {min(shared)}")
    if (root / "exp" / "rand_perm_cam.mat").is_file() and "test" in lists:
        try:
            dataset.evaluation("official")
        except VireidError as error:
            report.errors.append(str(error))
    training = {pid for split, pids in lists.items() if split != "test" for pid in pids}
    return records, [record for record in records if record.pid in training]


def _regdb(root: Path, report: CheckReport) -> Records:
    records: list[Record] = []
    training: list[Record] = []
    for trial in range(1, TRIALS + 1):
        dataset = RegDB(root, trial)
        try:
            splits = dataset.splits()
        except VireidError as error:
            report.errors.append(str(error))
            continue
        training = training or splits["train"]  # of the first trial that can be read
        both = [*splits["train"], *splits["test"]]
        records.extend(both)
        report.errors.extend(one_modality_problems(f"trial {trial}", both))
        found = found_in("regdb", root, splits)
        report.counts.update({(f"{split} {trial}", name): value for (split, name), value in found.counts.items()})
        report.warnings.extend(f"trial {trial}: {difference}" for difference in differences(found))
    return records, training


def _folder(root: Path, report: CheckReport, image_root: str | Path | None = None) -> Records:
    dataset = PairedFolder(root, image_root=image_root)
    parts: Iterable[tuple[str, Sequence[Record]]] = (("train", dataset.train_records()), ("test", dataset.test_records()))
    for split, records in parts:
        for modality in Modality:
            images = [record for record in records if record.modality == modality]
            report.counts[split, modality.name.lower()] = len({record.pid for record in images}), len(images)
        report.errors.extend(one_modality_problems(split, records))
    return [*dataset.train_records(), *dataset.test_records()], dataset.train_records()


def _llcm(root: Path, report: CheckReport) -> Records:
    dataset = LLCM(root)
    splits = _read(report, {"train": dataset.train_records, "test": dataset.test_split})
    report.errors.extend(one_modality_problems("train", splits.get("train", [])))
    return _compare(splits, report, dataset.strays)


def _market(root: Path, report: CheckReport) -> Records:
    return _boxes(Market1501(root), report)


def _duke(root: Path, report: CheckReport) -> Records:
    return _boxes(DukeMTMC(root), report)


def _boxes(dataset: Market1501 | DukeMTMC, report: CheckReport) -> Records:
    reads = {
        "train": lambda: dataset.records("train"),
        "query": lambda: dataset.records("query"),
        "gallery": lambda: dataset.records("gallery"),
    }
    splits = _read(report, reads)
    return _compare(splits, report, dataset.strays)


def _msmt17(root: Path, report: CheckReport) -> Records:
    dataset = MSMT17(root, "trainval")
    reads = {"train": dataset.train_records, "query": dataset.query_records, "gallery": dataset.gallery_records}
    return _compare(_read(report, reads), report)


def _read(report: CheckReport, reads: Mapping[str, Callable[[], list[Record]]]) -> dict[str, list[Record]]:
    """The splits that can be read. Problems of the other splits are added to the report's errors."""
    splits = {}
    for split, read in reads.items():
        try:
            splits[split] = read()
        except VireidError as error:
            report.errors.append(str(error))
    return splits


def _compare(splits: Mapping[str, list[Record]], report: CheckReport, strays: Sequence[str] = ()) -> Records:
    """Add counts, differences from the release, strays and people in both training and test to the report; return all records."""
    if strays:
        report.warnings.append(f"{len(strays)} entries are not images, e.g. {strays[0]}")
    found = found_in(report.layout, Path(), splits)
    report.counts = found.counts
    report.warnings.extend(differences(found))
    test = {record.pid for split, records in splits.items() if split != "train" for record in records}
    if shared := test & {record.pid for record in splits.get("train", [])}:
        report.errors.append(f"{len(shared)} identities are in the test and in the training, e.g. {min(shared)}")
    return [record for records in splits.values() for record in records], splits.get("train", [])


CHECKS: dict[Layout, Callable[[Path, CheckReport], Records]] = {
    "sysu": _sysu,
    "regdb": _regdb,
    "folder": _folder,
    "llcm": _llcm,
    "market1501": _market,
    "dukemtmc": _duke,
    "msmt17": _msmt17,
}
