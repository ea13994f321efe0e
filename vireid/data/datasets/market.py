"""Market-1501 and DukeMTMC-reID: one disk layout, one modality, one protocol."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal

from vireid.data.datasets.evaluations import assemble
from vireid.data.datasets.listing import Lister, require_folders
from vireid.data.datasets.people import Spellings
from vireid.errors import DatasetError
from vireid.structures import Evaluation, Modality, Record

Split = Literal["train", "query", "gallery"]
JUNK, DISTRACTOR = -1, 0
FOLDER: dict[Split, str] = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}


def enter(root: str | Path, folders: tuple[str, ...]) -> Path:
    """The dataset's folder: the first of ``folders`` that is in ``root``, or ``root`` itself."""
    inside = [Path(root) / folder for folder in folders if (Path(root) / folder).is_dir()]
    return inside[0] if inside else Path(root)


class _BoundingBoxes:
    """Folders ``bounding_box_train``, ``query`` and ``bounding_box_test`` whose file names give identity and camera.

    An image with another form of name than in the release is an error, so that one dataset cannot be mistaken for another.
    """

    NAME: ClassVar[str]
    FOLDER: ClassVar[str]
    CAMERAS: ClassVar[int]
    PATTERN: ClassVar[re.Pattern[str]]
    EXAMPLE: ClassVar[str]
    DISTRACTORS: ClassVar[bool]

    def __init__(self, root: str | Path) -> None:
        folder = enter(root, (self.FOLDER,))
        require_folders(folder, tuple(FOLDER.values()))
        self.root = folder.absolute()
        self._lister = Lister(self.root)
        self._spellings = Spellings(f"the names of images under {str(self.root)!r}")

    def records(self, split: Split) -> list[Record]:
        """Images of a split in the order of their names, without junk images.

        Raises:
            DatasetError: there is no image, an image is not named as in the release, or a distractor is outside the gallery.
        """
        files = self._lister.images(FOLDER[split])
        records = [record for name in files if (record := self._record(split, name)).pid != JUNK]
        if not records:
            raise DatasetError(f"`{FOLDER[split]}/` under {str(self.root)!r} holds no image of a person.")
        return records

    def train_records(self) -> list[Record]:
        """All training images."""
        records = self.records("train")
        self._lister.warn_strays()
        return records

    def all_records(self) -> list[Record]:
        """Images of training, query and gallery, without distractors of identity 0. Use them to train for a test on another dataset."""
        return [record for split in FOLDER for record in self.records(split) if not (self.DISTRACTORS and record.pid == DISTRACTOR)]

    def splits(self) -> dict[str, list[Record]]:
        """Images of ``train``, ``query`` and ``gallery``."""
        return {split: self.records(split) for split in FOLDER}

    @property
    def strays(self) -> tuple[str, ...]:
        """Files found so far that are not images."""
        return self._lister.strays

    def evaluation(self) -> Evaluation:
        """All query images against the whole gallery, in one trial. The same identity in the query's camera does not count."""
        query, gallery = self.records("query"), self.records("gallery")
        self._lister.warn_strays()
        return assemble("market", {f"{self.NAME}/query-to-gallery": [(query, gallery)]})

    def _record(self, split: Split, name: str) -> Record:
        match = self.PATTERN.match(name)
        where = f"`{FOLDER[split]}/{name}` under {str(self.root)!r}"
        pid = JUNK if match and match[1] == str(JUNK) else self._spellings.number(match[1]) if match else None
        if match is None or pid is None:
            raise DatasetError(f"{where} is not named like `{self.EXAMPLE}`, as the images of {self.FOLDER} are.")
        camera = int(match[2])
        if not 1 <= camera <= self.CAMERAS:
            raise DatasetError(f"{where} is of camera {camera}; {self.FOLDER} has cameras 1 to {self.CAMERAS}.")
        if self.DISTRACTORS and pid == DISTRACTOR and split != "gallery":
            raise DatasetError(f"{where} is a distractor (identity 0), which belongs to the gallery alone.")
        return Record(f"{self.root}/{FOLDER[split]}/{name}", pid, camera, Modality.VISIBLE)


class Market1501(_BoundingBoxes):
    """Market-1501 as released: ``bounding_box_train``, ``query`` and ``bounding_box_test``, e.g. ``0001_c1s1_000151_01.jpg``.

    All images are visible. Junk images (identity -1) are dropped. Distractors (identity 0) stay in the gallery; they match no query.

    Args:
        root: folder that holds these three folders, or its parent folder, which holds ``Market-1501-v15.09.15``.

    Raises:
        DatasetNotFoundError: one of the folders is absent.

    Example::

        records = Market1501("data/Market-1501-v15.09.15").train_records()

    Reference:
        Zheng, Shen, Tian, Wang, Wang, Tian: Scalable Person Re-identification: A Benchmark. ICCV 2015.
    """

    NAME = "market1501"
    FOLDER = "Market-1501-v15.09.15"
    CAMERAS = 6
    PATTERN = re.compile(r"(-1|[0-9]+)_c([0-9])s[0-9]")
    EXAMPLE = "0001_c1s1_000151_01.jpg"
    DISTRACTORS = True


class DukeMTMC(_BoundingBoxes):
    """DukeMTMC-reID as released: the same folders as in :class:`Market1501`, with files such as ``0005_c2_f0046985.jpg``.

    All images are visible. Identities that are only in the gallery are distractors.

    Args:
        root: folder that holds these three folders, or its parent folder, which holds ``DukeMTMC-reID``.

    Raises:
        DatasetNotFoundError: one of the folders is absent.

    Example::

        records = DukeMTMC("data/DukeMTMC-reID").train_records()

    Reference:
        Zheng, Zheng, Yang: Unlabeled Samples Generated by GAN Improve the Person Re-identification Baseline in Vitro. ICCV 2017.
    """

    NAME = "dukemtmc"
    FOLDER = "DukeMTMC-reID"
    CAMERAS = 8
    PATTERN = re.compile(r"(-1|[0-9]+)_c([0-9])_f[0-9]")
    EXAMPLE = "0005_c2_f0046985.jpg"
    DISTRACTORS = False
