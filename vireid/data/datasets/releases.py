"""Published sizes of the datasets, which reveal an incomplete copy."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vireid.data.datasets.sysu import CAMERAS, SYSU
from vireid.printable import printable
from vireid.structures import Modality, Record

log = logging.getLogger(__name__)

Counts = dict[tuple[str, str], tuple[int, int]]  # (split, modality or camera) -> identities, images
COMPLETE = 0.9  # a tree with at least this share of the published images counts as a copy of the release
ONE_MODALITY = ("train", "query", "gallery")


@dataclass(frozen=True)
class Release:
    """Sizes that the papers and the notes of the release state.

    Attributes:
        name: name of the dataset.
        images: number of images per split and modality or camera.
        identities: number of identities per split; splits without a published number are left out.
    """

    name: str
    images: Mapping[tuple[str, str], int]
    identities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Sizes of the data in a tree.

    Attributes:
        layout: a name in :data:`RELEASES`.
        root: root folder of the tree.
        counts: numbers of identities and images per split and modality or camera.
        identities: number of identities per split; splits that are left out are not compared.
    """

    layout: str
    root: Path
    counts: Counts
    identities: Mapping[str, int]


def _visible(name: str, *images: int) -> Release:
    return Release(name, {(split, "visible"): count for split, count in zip(ONE_MODALITY, images, strict=True)})


LLCM_IMAGES = {("train", "visible"): 16_946, ("train", "infrared"): 13_975, ("test", "visible"): 8_680, ("test", "infrared"): 7_166}
# SYSU-MM01: derived from the official permutations (images per camera) and lists (identities per split); val ids: see SYSU.ids.
SYSU_IMAGES = {
    "train": (4721, 5753, 5929, 4821, 4989, 4000),
    "val": (0, 0, 1980, 990, 984, 0),
    "test": (1374, 1565, 1883, 1918, 1918, 1920),
}
SYSU_CAMERAS = {(split, f"cam{c}"): n for split, images in SYSU_IMAGES.items() for c, n in zip(CAMERAS, images, strict=True)}
REGDB_IMAGES = {(split, modality): 2_060 for split in ("train", "test") for modality in ("visible", "infrared")}  # of each trial
RELEASES = {
    "sysu": Release("SYSU-MM01", SYSU_CAMERAS, {"train": 296, "val": 99, "test": 96}),
    "regdb": Release("RegDB", REGDB_IMAGES, {"train": 206, "test": 206}),
    "llcm": Release("LLCM", LLCM_IMAGES, {"train": 713, "test": 351}),
    "market1501": _visible("Market-1501", 12_936, 3_368, 15_913),
    "dukemtmc": _visible("DukeMTMC-reID", 16_522, 2_228, 17_661),
    "msmt17": _visible("MSMT17", 32_621, 11_659, 82_161),  # train: with list_val.txt
}


def split_counts(splits: Mapping[str, Sequence[Record]]) -> Counts:
    """Numbers of identities and images per split and modality. Modalities without images in any split are left out."""
    present = sorted({record.modality for records in splits.values() for record in records})
    counts = {}
    for split, records in splits.items():
        for modality in map(Modality, present):
            images = [record for record in records if record.modality == modality]
            counts[split, modality.name.lower()] = len({record.pid for record in images}), len(images)
    return counts


def found_in(layout: str, root: Path, splits: Mapping[str, Sequence[Record]]) -> Found:
    """Sizes of the given splits."""
    return Found(layout, root, split_counts(splits), {split: len({record.pid for record in records}) for split, records in splits.items()})


def found_in_sysu(dataset: SYSU) -> Found:
    """Sizes of SYSU-MM01 per camera: identities in the lists, images on disk."""
    counts, lists = {}, {split: dataset.ids(split) for split in ("train", "val", "test")}
    for split, pids in lists.items():
        for camera in CAMERAS:
            sizes = [len(dataset.files(camera, pid)) for pid in pids]
            counts[split, f"cam{camera}"] = sum(size > 0 for size in sizes), sum(sizes)
    return Found("sysu", dataset.root, counts, {split: len(pids) for split, pids in lists.items()})


def differences(found: Found) -> list[str]:
    """One sentence for each number that differs from the published one."""
    release = RELEASES[found.layout]
    sentences = [
        f"{split} has {found.identities[split]} identities, the release {official}"
        for split, official in release.identities.items()
        if found.identities.get(split, official) != official
    ]
    for (split, part), official in release.images.items():
        images = found.counts.get((split, part), (0, 0))[1]
        if split in found.identities and images != official:
            sentences.append(f"{split} has {images} {part} images, the release {official}")
    return sentences


def warn_of_differences(found: Found) -> None:
    """Log one warning if the tree is nearly, but not fully, the release. A much smaller tree is small on purpose, so it gives none."""
    release = RELEASES[found.layout]
    official = sum(count for (split, _), count in release.images.items() if split in found.identities)
    nearly = sum(images for _, images in found.counts.values()) >= COMPLETE * official
    if nearly and (sentences := differences(found)):
        log.warning("%s differs from %s as released: %s.", printable(found.root), release.name, "; ".join(sentences))
