"""SYSU-MM01: disk layout and the official evaluation protocol."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vireid.data.datasets.evaluations import assemble
from vireid.data.datasets.listing import Lister, require_folders
from vireid.data.datasets.mat5 import read_mat
from vireid.data.datasets.texts import read_text, shown, whole_number
from vireid.errors import DatasetError, DatasetNotFoundError, SettingsError
from vireid.structures import Evaluation, Modality, Record

Gallery = Literal["seeded", "official"]
CAMERAS = (1, 2, 3, 4, 5, 6)
INFRARED_CAMERAS = (3, 6)
QUERY_CAMERAS = INFRARED_CAMERAS
GALLERY_CAMERAS = {"all": (1, 2, 4, 5), "indoor": (1, 2)}
SHOTS = {"single-shot": 1, "multi-shot": 10}
MAX_TRIALS = 10
OFFICIAL_VAL_IDS = tuple(pid for pid in range(334, 434) if pid != 347)
PERMUTATIONS = "rand_perm_cam"
MOST_IDENTITIES = 100_000
"""In a list: each is looked for in every camera."""


class SYSU:
    """SYSU-MM01 as released: ``cam1`` .. ``cam6`` with ``<id, 4 digits>/<image>.jpg``, and ``exp/*_id.txt``.

    Cameras 3 and 6 are infrared. An identity may have no folder, or an empty one, in some cameras.

    Args:
        root: folder that holds ``cam1`` .. ``cam6`` and ``exp``.

    Raises:
        DatasetNotFoundError: one of these folders is absent.

    Example::

        release = SYSU("data/SYSU-MM01")
        records = release.train_records(range(1, 334))  # all images of these people

    Reference:
        Wu et al.: RGB-Infrared Cross-Modality Person Re-Identification. ICCV 2017.
    """

    FOLDERS = (*(f"cam{camera}" for camera in CAMERAS), "exp")

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()
        require_folders(Path(root), self.FOLDERS)
        self._lister = Lister(self.root)
        self._ids: dict[str, tuple[int, ...]] = {}
        self._cells: dict[int, list[NDArray[np.uint8]]] = {}

    def ids(self, split: Literal["train", "val", "test", "available"]) -> tuple[int, ...]:
        """Identities of a split in ascending order, from ``exp/<split>_id.txt``.

        If the list of ``val`` is absent, the result is the official identities 334..433 without 347, with a warning.

        Raises:
            DatasetNotFoundError: the list is absent (for ``val``: all official identities are absent too).
            DatasetError: the list holds something other than numbers.
        """
        if split not in self._ids:
            file = self.root / "exp" / f"{split}_id.txt"
            derived = split == "val" and not file.is_file()
            self._ids[split] = self._derived_val_ids() if derived else read_ids(file, least=0 if split == "val" else 1)
        return self._ids[split]

    def _derived_val_ids(self) -> tuple[int, ...]:
        present = tuple(pid for pid in OFFICIAL_VAL_IDS if self._lister.images(f"cam3/{pid:04d}"))
        if not present:
            raise DatasetNotFoundError(
                f"There is no `exp/val_id.txt` under {str(self.root)!r}, and none of the official validation identities 334..433 either."
            )
        warnings.warn(f"There is no `exp/val_id.txt` under {str(self.root)!r}: using 334..433 without 347.", stacklevel=4)
        return present

    def training_ids(self, which: Literal["trainval", "train"] = "trainval") -> tuple[int, ...]:
        """Identities to train on, ascending: ``train`` + ``val`` (395 in the release, the usual set) or ``train`` alone (296)."""
        return tuple(sorted({*self.ids("train"), *(self.ids("val") if which == "trainval" else ())}))

    def records(self, pids: Iterable[int], cameras: Sequence[int] = CAMERAS) -> list[Record]:
        """All images of ``pids``, in the given order of identities, then by camera, then by file name.

        Raises:
            DatasetError: an identity has no image in ``cameras``.
        """
        found = []
        for pid in pids:
            images = [self._record(camera, pid, name) for camera in cameras for name in self.files(camera, pid)]
            if not images:
                names = ", ".join(f"cam{camera}" for camera in cameras)
                raise DatasetError(f"Identity {pid} has no image in {names} under {str(self.root)!r}, although a list in exp/ names it.")
            found.extend(images)
        return found

    def train_records(self, pids: Iterable[int]) -> list[Record]:
        """All images of ``pids``, visible and infrared, see :meth:`records`. Warns if there are files that are not images."""
        found = self.records(pids)
        self._lister.warn_strays()
        return found

    def files(self, camera: int, pid: int) -> tuple[str, ...]:
        """Sorted names of the images of one identity in one camera; empty if that camera did not see it."""
        return self._lister.images(f"cam{camera}/{pid:04d}")

    @property
    def strays(self) -> tuple[str, ...]:
        """Files found so far that are not images."""
        return self._lister.strays

    def _record(self, camera: int, pid: int, name: str) -> Record:
        modality = Modality.INFRARED if camera in INFRARED_CAMERAS else Modality.VISIBLE
        return Record(f"{self.root}/cam{camera}/{pid:04d}/{name}", pid, camera, modality)

    def queries(self) -> list[Record]:
        """All infrared images of the test identities, sorted by identity, then camera, then file name."""
        pids = [pid for pid in self.ids("test") if any(self.files(camera, pid) for camera in QUERY_CAMERAS)]
        return self.records(pids, QUERY_CAMERAS)

    def evaluation(self, gallery: Gallery = "seeded", trials: int = MAX_TRIALS) -> Evaluation:
        """The four settings (all/indoor search with single/multi shot), with the union of their images.

        Args:
            gallery: how galleries are drawn. ``"seeded"``: as in research code, with Python's generator seeded by the trial number, in
                order of identity. ``"official"``: from ``exp/rand_perm_cam.mat``, in order of camera. The two give different galleries,
                so their results are not comparable to the last digit. The id of the protocol names the choice.
            trials: number of galleries, 1..10; results are means over them.

        Raises:
            SettingsError: ``trials`` is out of range.
            DatasetNotFoundError: a list or ``exp/rand_perm_cam.mat`` is absent.
            DatasetError: the permutations do not fit the images on disk.
        """
        if not 1 <= trials <= MAX_TRIALS:
            raise SettingsError(f"`trials` must be 1 to {MAX_TRIALS} for SYSU-MM01, got {trials}.")
        queries = self.queries()
        draws = {}
        for mode, cameras in GALLERY_CAMERAS.items():
            for name, shots in SHOTS.items():
                protocol = f"sysu/{mode}/{name}/{gallery}"
                draw = self.seeded_gallery if gallery == "seeded" else self.official_gallery
                draws[protocol] = [(queries, draw(trial, cameras, shots)) for trial in range(trials)]
        self._warn_short(max(SHOTS.values()))
        self._lister.warn_strays()
        return assemble("sysu", draws)

    def seeded_gallery(self, trial: int, cameras: Sequence[int], shots: int) -> list[Record]:
        """Gallery of one trial, drawn as in research code: by ascending identity, then by camera as given, then in the order of the draw.

        If a folder has fewer than ``shots`` images, all are taken.
        """
        generator = random.Random(trial)
        found: list[Record] = []
        for pid in sorted(self.ids("test"), key=lambda pid: f"{pid:04d}"):
            for camera in cameras:
                files = self.files(camera, pid)
                if files:
                    found.extend(self._record(camera, pid, name) for name in generator.sample(files, min(shots, len(files))))
        return found

    def official_gallery(self, trial: int, cameras: Sequence[int], shots: int) -> list[Record]:
        """Gallery of one trial from ``exp/rand_perm_cam.mat``: by camera as given, then by ascending identity, then in permuted order."""
        found: list[Record] = []
        for camera in cameras:
            permutations = self._permutations()[camera]
            for pid in self.ids("test"):
                files = self.files(camera, pid)
                rows = permutations[pid - 1] if 1 <= pid <= len(permutations) else np.zeros((MAX_TRIALS, 0), np.uint8)
                if rows.shape[1] != len(files) or (files and rows.shape[0] <= trial):
                    raise DatasetError(
                        f"`exp/{PERMUTATIONS}.mat` permutes {rows.shape[1]} images of cam{camera}/{pid:04d} in {rows.shape[0]} trials, "
                        f"but {len(files)} are on disk under {str(self.root)!r}. Use `gallery: seeded` for a tree that is not the release."
                    )
                if files:
                    found.extend(self._record(camera, pid, files[int(number) - 1]) for number in rows[trial, :shots])
        return found

    def _permutations(self) -> dict[int, list[NDArray[np.uint8]]]:
        if not self._cells:
            file = self.root / "exp" / f"{PERMUTATIONS}.mat"
            if not file.is_file():
                raise DatasetNotFoundError(
                    f"There is no `exp/{PERMUTATIONS}.mat` under {str(self.root)!r}; `gallery: official` needs it. Copy it from the "
                    "official evaluation code, or use `gallery: seeded`."
                )
            cells = read_mat(file).get(PERMUTATIONS)
            if cells is None or cells.dtype != object or cells.size != len(CAMERAS):
                raise DatasetError(f"{str(file)!r} must hold `{PERMUTATIONS}`, one cell for each of {len(CAMERAS)} cameras.")
            self._cells = {camera: list(cell.ravel()) for camera, cell in zip(CAMERAS, cells.ravel(), strict=True)}
        return self._cells

    def _warn_short(self, shots: int) -> None:
        cameras = GALLERY_CAMERAS["all"]
        short = [f"cam{camera}/{pid:04d}" for pid in self.ids("test") for camera in cameras if 0 < len(self.files(camera, pid)) < shots]
        if short:
            warnings.warn(
                f"{len(short)} test folders under {str(self.root)!r} hold fewer than {shots} images, e.g. {short[0]!r}: all are taken.",
                stacklevel=3,
            )


def read_ids(file: Path, least: int = 1) -> tuple[int, ...]:
    """Identities of a comma-separated list, ascending, without duplicates.

    Raises:
        DatasetNotFoundError: the file does not exist.
        DatasetError: the list cannot be read, holds something other than whole numbers, fewer than ``least``, or too many.
    """
    try:
        text = read_text(file)
    except FileNotFoundError:
        raise DatasetNotFoundError(f"There is no `{file.parent.name}/{file.name}` under {str(file.parent.parent)!r}.") from None
    words = text.replace(",", " ").split()
    if not least <= len(words) <= MOST_IDENTITIES:
        wanted = f"{least} to {MOST_IDENTITIES:,} identity numbers separated by commas"
        raise DatasetError(f"{str(file)!r} must hold {wanted}, found {len(words):,}.")
    numbers = {word: whole_number(word) for word in words}
    wrong = [word for word, number in numbers.items() if number is None]
    if wrong:
        raise DatasetError(f"{str(file)!r} must hold identity numbers separated by commas, found {shown(wrong[0])}.")
    return tuple(sorted({number for number in numbers.values() if number is not None}))
