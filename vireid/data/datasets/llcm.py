"""LLCM: disk layout and its two directions."""

from __future__ import annotations

import random
import re
from pathlib import Path

from vireid.data.datasets.evaluations import Draw, assemble
from vireid.data.datasets.index import read_index
from vireid.data.datasets.listing import Lister, require_folders
from vireid.data.datasets.people import Spellings
from vireid.data.datasets.sysu import read_ids
from vireid.data.datasets.texts import shown
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Evaluation, Modality, Record

MAX_TRIALS = 10
CAMERAS = {Modality.VISIBLE: (1, 2, 3, 4, 5, 6, 7, 8, 9), Modality.INFRARED: (1, 2, 4, 5, 6, 7, 8, 9)}
FOLDER = {Modality.VISIBLE: "vis", Modality.INFRARED: "nir"}
CAMERA_IN_NAME = re.compile(r"_c([0-9]{1,4})_")


class LLCM:
    """LLCM as released: lists name the training images; copies of the test images are sorted by camera.

    ``vis/<id>/`` and ``nir/<id>/`` hold images such as ``0003_c01_s185734_f3195_nir.jpg``; ``idx/train_vis.txt`` and
    ``idx/train_nir.txt`` name the training images. A line is a path relative to the root, a blank and a label that is only valid inside
    the list: the identity is the number of the folder, and the camera is in the file name. Test images are in
    ``test_vis/cam<1..9>/<id, 4 digits>/`` and ``test_nir/cam<1,2,4..9>/<id, 4 digits>/``; ``idx/test_id.txt`` names the test identities.
    Camera numbers are places: camera 4 of both modalities is one place. Infrared camera 3 is not read, as in the published code.

    Args:
        root: folder that holds ``vis``, ``nir``, ``test_vis``, ``test_nir`` and ``idx``.

    Raises:
        DatasetNotFoundError: one of the folders is absent.

    Example::

        records = LLCM("data/LLCM").train_records()

    Reference:
        Zhang, Wang: Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for Visible-Infrared Person
        Re-identification. CVPR 2023.
    """

    FOLDERS = ("vis", "nir", "test_vis", "test_nir", "idx")

    def __init__(self, root: str | Path) -> None:
        require_folders(Path(root), self.FOLDERS)
        self.root = Path(root).absolute()
        self._lister = Lister(self.root)
        self._spellings = Spellings(f"the lists of {str(self.root)!r}")

    def train_records(self) -> list[Record]:
        """All training images, visible first, in the order of the lists.

        Raises:
            DatasetNotFoundError: a list is absent.
            DatasetError: a list is empty, or names a file whose folder or form is not that of its modality.
        """
        return [record for modality in Modality for record in self._listed(modality)]

    def test_ids(self) -> tuple[int, ...]:
        """Test identities, ascending.

        Raises:
            DatasetNotFoundError: ``idx/test_id.txt`` is absent.
            DatasetError: the list holds something other than numbers.
        """
        return read_ids(self.root / "idx" / "test_id.txt")

    def test_records(self, modality: Modality) -> list[Record]:
        """All test images of a modality, sorted by identity, then camera, then file name."""
        return [
            self._record(modality, camera, pid, name)
            for pid in self.test_ids()
            for camera in CAMERAS[modality]
            for name in self.files(modality, camera, pid)
        ]

    def splits(self) -> dict[str, list[Record]]:
        """Images of ``train`` and ``test``, visible first."""
        return {"train": self.train_records(), "test": self.test_split()}

    def test_split(self) -> list[Record]:
        """All test images, visible first.

        Raises:
            DatasetError: a test identity has no image.
        """
        test = [record for modality in Modality for record in self.test_records(modality)]
        absent = sorted(set(self.test_ids()) - {record.pid for record in test})
        if absent:
            raise DatasetError(
                f"Identity {absent[0]} has no image in test_vis/ or test_nir/ under {str(self.root)!r}, although "
                "`idx/test_id.txt` names it."
            )
        return test

    def files(self, modality: Modality, camera: int, pid: int) -> tuple[str, ...]:
        """Sorted names of the test images of one identity in one camera; empty if that camera did not see it."""
        return self._lister.images(f"test_{FOLDER[modality]}/cam{camera}/{pid:04d}")

    @property
    def strays(self) -> tuple[str, ...]:
        """Files found so far that are not images."""
        return self._lister.strays

    def evaluation(self, trials: int = MAX_TRIALS, swapped: bool = False) -> Evaluation:
        """Both directions: every test image of one modality is a query, and the gallery is drawn from the other modality.

        Args:
            trials: number of galleries, 1..10; results are means over them.
            swapped: whether to add ``llcm/visible-to-infrared/swapped``, which the published test script computes as visible to
                infrared: the drawn infrared images search among all visible images. Its results (rank-1 higher, mAP lower) are not
                those of the direction that the paper defines, ``llcm/visible-to-infrared``.

        Raises:
            SettingsError: ``trials`` is out of range.
            DatasetNotFoundError: ``idx/test_id.txt`` is absent.
            DatasetError: a modality has no images.
        """
        if not 1 <= trials <= MAX_TRIALS:
            raise SettingsError(f"`trials` must be 1 to {MAX_TRIALS} for LLCM, got {trials}.")
        visible, infrared = self.test_records(Modality.VISIBLE), self.test_records(Modality.INFRARED)
        drawn = {modality: [self.gallery(modality, trial) for trial in range(trials)] for modality in Modality}
        draws: dict[str, list[Draw]] = {
            "llcm/visible-to-infrared": [(visible, gallery) for gallery in drawn[Modality.INFRARED]],
            "llcm/infrared-to-visible": [(infrared, gallery) for gallery in drawn[Modality.VISIBLE]],
        }
        if swapped:
            draws["llcm/visible-to-infrared/swapped"] = [(gallery, visible) for gallery in drawn[Modality.INFRARED]]
        self._lister.warn_strays()
        return assemble("llcm", draws)

    def gallery(self, modality: Modality, trial: int) -> list[Record]:
        """One image per identity and camera, drawn as in research code: identities ascending, then cameras ascending."""
        generator = random.Random(trial)
        found = []
        for pid in self.test_ids():
            for camera in CAMERAS[modality]:
                files = self.files(modality, camera, pid)
                if files:
                    found.append(self._record(modality, camera, pid, generator.choice(files)))
        return found

    def _record(self, modality: Modality, camera: int, pid: int, name: str) -> Record:
        return Record(f"{self.root}/test_{FOLDER[modality]}/cam{camera}/{pid:04d}/{name}", pid, camera, modality)

    def _listed(self, modality: Modality) -> list[Record]:
        folder = FOLDER[modality]
        name, form = f"idx/train_{folder}.txt", f"{folder}/<id>/<id>_c<camera>_<...>_{folder}.jpg <label>"
        records = []
        for path, _ in read_index(self.root, name, form):
            parts = path.split("/")
            camera = CAMERA_IN_NAME.search(parts[-1])
            pid = self._spellings.number(parts[-2]) if len(parts) >= 3 and parts[0] == folder else None
            if pid is None or camera is None:
                raise DatasetError(f"`{name}` must name files like `{form}`, found {shown(path)}.")
            records.append(Record(f"{self.root}/{path}", pid, int(camera[1]), modality))
        return records
