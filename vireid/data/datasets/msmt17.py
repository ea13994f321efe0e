"""MSMT17: disk layout of both versions, and its protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vireid.data.datasets.evaluations import assemble
from vireid.data.datasets.index import read_index
from vireid.data.datasets.listing import require_folders
from vireid.data.datasets.market import enter
from vireid.data.datasets.texts import shown, whole_number
from vireid.errors import DatasetError, DatasetNotFoundError, SettingsError
from vireid.structures import Evaluation, Modality, Record

TrainOn = Literal["train", "trainval"]
VERSIONS = {"MSMT17_V1": ("train", "test"), "MSMT17_V2": ("mask_train_v2", "mask_test_v2")}  # folders of training and test
TRAINING_LISTS: dict[TrainOn, tuple[str, ...]] = {"train": ("list_train.txt",), "trainval": ("list_train.txt", "list_val.txt")}
CAMERAS = 15
TEST_OFFSET = 10_000
FORM = "0000/0000_000_01_0303morning_0008_0.jpg 0"


class MSMT17:
    """MSMT17 as released, version 1 (``train``, ``test``) or 2 (``mask_train_v2``, ``mask_test_v2``), with four lists.

    A line of ``list_train.txt``, ``list_val.txt``, ``list_query.txt`` or ``list_gallery.txt`` is a path, a blank and an identity; the
    camera is the third field of the file name. The release counts both training and test identities from 0, although they are
    different people. This class adds 10000 to the numbers of test identities, so that none can be mistaken for a training
    identity. All images are visible.

    Args:
        root: folder that holds the lists, or its parent folder, which holds ``MSMT17_V1`` or ``MSMT17_V2``.
        train_on: training images. ``train``: ``list_train.txt`` alone (30,248 images in the release); ``trainval``: both it and
            ``list_val.txt`` (32,621). Published results exist for both and are not comparable.

    Raises:
        SettingsError: ``train_on`` has another value, or ``root`` holds both versions.
        DatasetNotFoundError: the folders of both versions are absent.

    Example::

        records = MSMT17("data/MSMT17_V1", train_on="trainval").train_records()

    Reference:
        Wei, Zhang, Gao, Tian: Person Transfer GAN to Bridge Domain Gap for Person Re-identification. CVPR 2018.
    """

    def __init__(self, root: str | Path, train_on: TrainOn = "train") -> None:
        if train_on not in TRAINING_LISTS:
            raise SettingsError(f'`train_on` must be "train" or "trainval", got {train_on!r}.')
        if all((Path(root) / version).is_dir() for version in VERSIONS):
            raise SettingsError(f"`root={str(root)!r}` holds {' and '.join(VERSIONS)}: set `data.init_args.root` to one of the two.")
        folder = enter(root, tuple(VERSIONS))
        present = [folders for folders in VERSIONS.values() if (folder / folders[0]).is_dir()]
        require_folders(folder, present[0] if present else VERSIONS["MSMT17_V1"])
        if not (folder / "list_train.txt").is_file():
            raise DatasetNotFoundError(f"There is no `list_train.txt` under `root={str(folder)!r}`. Set `data.init_args.root`.")
        self.root = folder.absolute()
        self.train_on = train_on
        self._train, self._test = present[0]

    def train_records(self) -> list[Record]:
        """All training images, see ``train_on``.

        Raises:
            DatasetNotFoundError: a list is absent.
            DatasetError: a list is empty or damaged.
        """
        return [record for name in TRAINING_LISTS[self.train_on] for record in self._listed(name, self._train, 0)]

    def all_records(self) -> list[Record]:
        """Images of all four lists. Use them to train for a test on another dataset."""
        training = [record for name in TRAINING_LISTS["trainval"] for record in self._listed(name, self._train, 0)]
        return [*training, *self.query_records(), *self.gallery_records()]

    def query_records(self) -> list[Record]:
        """Images of ``list_query.txt``."""
        return self._listed("list_query.txt", self._test, TEST_OFFSET)

    def gallery_records(self) -> list[Record]:
        """Images of ``list_gallery.txt``."""
        return self._listed("list_gallery.txt", self._test, TEST_OFFSET)

    def splits(self) -> dict[str, list[Record]]:
        """Images of ``train``, ``query`` and ``gallery``."""
        return {"train": self.train_records(), "query": self.query_records(), "gallery": self.gallery_records()}

    def evaluation(self) -> Evaluation:
        """All query images against the whole gallery, in one trial. The same identity in the query's camera does not count."""
        return assemble("market", {"msmt17/query-to-gallery": [(self.query_records(), self.gallery_records())]})

    def _listed(self, name: str, folder: str, offset: int) -> list[Record]:
        records = []
        for path, pid in read_index(self.root, name, FORM, folder=folder):
            fields = path.split("/")[-1].split("_")
            camera = whole_number(fields[2]) if len(fields) >= 4 else None
            if camera is None or not 1 <= camera <= CAMERAS:
                raise DatasetError(f"`{name}` must have lines like `{FORM}` with a camera 01 to {CAMERAS}, found {shown(path)}.")
            records.append(Record(f"{self.root}/{folder}/{path}", offset + pid, camera, Modality.VISIBLE))
        return records
