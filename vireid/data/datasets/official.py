"""Published sizes of the data sets, to notice an incomplete copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from vireid.data.datasets.regdb import RegDB
from vireid.data.datasets.sysu import CAMERAS, SYSU

Counts = dict[tuple[str, str], tuple[int, int]]  # (split, camera) -> identities, images
COMPLETE = 0.9  # share of the published images from which a tree is taken for a copy of the release

# Derived from the official permutations (images per camera) and lists (identities per split); val ids: see SYSU.ids.
SYSU_IDENTITIES = {"train": 296, "val": 99, "test": 96}
SYSU_IMAGES = {
    "train": (4721, 5753, 5929, 4821, 4989, 4000),
    "val": (0, 0, 1980, 990, 984, 0),
    "test": (1374, 1565, 1883, 1918, 1918, 1920),
}
REGDB_IDENTITIES, REGDB_IMAGES = 206, 2060  # of each list of each trial


def sysu_counts(dataset: SYSU) -> Counts:
    """Identities and images per split and camera, as on disk."""
    counts = {}
    for split in ("train", "val", "test"):
        pids = dataset.ids(split)
        for camera in CAMERAS:
            sizes = [len(dataset.files(camera, pid)) for pid in pids]
            counts[split, f"cam{camera}"] = sum(size > 0 for size in sizes), sum(sizes)
    return counts


def regdb_counts(dataset: RegDB) -> Counts:
    """Identities and images per split and modality of one trial, as listed."""
    counts = {}
    for split in ("train", "test"):
        records = dataset.records(split)
        images = Counter(record.camid for record in records)
        for camid, name in ((1, "Visible"), (2, "Thermal")):
            counts[split, name] = len({record.pid for record in records if record.camid == camid}), images[camid]
    return counts


def sysu_differences(counts: Counts, identities: Mapping[str, int]) -> list[str]:
    """Sentences that name found and published numbers, one per difference.

    Args:
        counts: see :func:`sysu_counts`.
        identities: length of the list of each split.
    """
    found = [
        f"the {split} list names {identities[split]} identities, the release {official}"
        for split, official in SYSU_IDENTITIES.items()
        if identities[split] != official
    ]
    for split, images in SYSU_IMAGES.items():
        for camera, official in zip(CAMERAS, images, strict=True):
            count = counts[split, f"cam{camera}"][1]
            if count != official:
                found.append(f"cam{camera} has {count} {split} images, the release {official}")
    return found


def regdb_differences(counts: Counts) -> list[str]:
    """Sentences that name found and published numbers, one per difference."""
    found = []
    for (split, name), (identities, images) in counts.items():
        if (identities, images) != (REGDB_IDENTITIES, REGDB_IMAGES):
            found.append(f"{name} has {images} {split} images of {identities} identities, the release {REGDB_IMAGES} of {REGDB_IDENTITIES}")
    return found


def looks_complete(counts: Counts, dataset: SYSU | RegDB) -> bool:
    """Whether the tree is about as large as the release, so that a difference is worth a warning."""
    official = sum(map(sum, SYSU_IMAGES.values())) if isinstance(dataset, SYSU) else 4 * REGDB_IMAGES
    return sum(images for _, images in counts.values()) >= COMPLETE * official
