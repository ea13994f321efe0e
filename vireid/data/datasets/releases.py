"""Published sizes of LLCM, Market-1501, DukeMTMC-reID and MSMT17, to notice an incomplete copy."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vireid.data.datasets.official import COMPLETE, Counts
from vireid.structures import Modality, Record

log = logging.getLogger(__name__)

ONE_MODALITY = ("train", "query", "gallery")


@dataclass(frozen=True)
class Release:
    """What the papers and the notes of the release say.

    Attributes:
        name: of the dataset.
        images: per split and modality.
        identities: per split; splits without a published number are left out.
    """

    name: str
    images: Mapping[tuple[str, str], int]
    identities: Mapping[str, int] = field(default_factory=dict)


def _visible(name: str, *images: int) -> Release:
    return Release(name, {(split, "visible"): count for split, count in zip(ONE_MODALITY, images, strict=True)})


LLCM_IMAGES = {("train", "visible"): 16_946, ("train", "infrared"): 13_975, ("test", "visible"): 8_680, ("test", "infrared"): 7_166}
RELEASES = {
    "llcm": Release("LLCM", LLCM_IMAGES, {"train": 713, "test": 351}),
    "market1501": _visible("Market-1501", 12_936, 3_368, 15_913),
    "dukemtmc": _visible("DukeMTMC-reID", 16_522, 2_228, 17_661),
    "msmt17": _visible("MSMT17", 32_621, 11_659, 82_161),  # train: with list_val.txt
}


def split_counts(splits: Mapping[str, Sequence[Record]]) -> Counts:
    """Identities and images per split and modality; modalities that no split has are left out."""
    present = sorted({record.modality for records in splits.values() for record in records})
    counts = {}
    for split, records in splits.items():
        for modality in map(Modality, present):
            images = [record for record in records if record.modality == modality]
            counts[split, modality.name.lower()] = len({record.pid for record in images}), len(images)
    return counts


def differences(layout: str, splits: Mapping[str, Sequence[Record]]) -> list[str]:
    """Sentences that name found and published numbers, one per difference; splits that are not given are not compared."""
    release, counts = RELEASES[layout], split_counts(splits)
    found = []
    for split, official in ((split, count) for split, count in release.identities.items() if split in splits):
        identities = len({record.pid for record in splits[split]})
        if identities != official:
            found.append(f"{split} has {identities} identities, the release {official}")
    for (split, modality), official in release.images.items():
        images = counts.get((split, modality), (0, 0))[1]
        if split in splits and images != official:
            found.append(f"{split} has {images} {modality} images, the release {official}")
    return found


def warn_of_differences(layout: str, root: Path, splits: Mapping[str, Sequence[Record]]) -> None:
    """Log one warning if the tree is nearly, but not quite, the release; a tree that is much smaller is meant to be."""
    release = RELEASES[layout]
    nearly = sum(map(len, splits.values())) >= COMPLETE * sum(release.images.values())
    found = differences(layout, splits) if nearly else []
    if found:
        log.warning("%s differs from %s as released: %s.", root, release.name, "; ".join(found))
