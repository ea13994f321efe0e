"""Data module of synthetic people."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from vireid.data.modules.loading import LONGEST_SIDE, at_most
from vireid.data.modules.sysu import SYSUDataModule
from vireid.data.split import heldout_count
from vireid.data.synthetic import GENERATOR_VERSION, Difficulty, write_dataset
from vireid.data.synthetic.worlds import WorldName
from vireid.errors import DatasetError, SettingsError
from vireid.locks import FolderLock
from vireid.structures import Evaluation

MARKER = "vireid-synthetic.json"
MOST_UNASKED = 5000  # people that a file may ask for


class SyntheticDataModule(SYSUDataModule):
    """Synthetic people in the layout and with the protocol of SYSU-MM01. They are drawn and written to disk once, on first use.

    Held-out identities are a seeded share of the training identities.

    Args:
        root: folder to write to. Null is a folder under ``~/.cache/vireid/synthetic`` whose name depends on the version of the
            generator and on all arguments that change an image.
        identities: number of people, including those of the test.
        test_identities: number of people that are kept for the test.
        images: number of images of each identity and camera; null is the generator's default.
        seed_data: seed of the drawing of people and images, at least 0.
        style: kind of infrared images: ``near_infrared`` or ``thermal``.
        world: additional effect of infrared cameras: ``contrast`` (none, low contrast is the whole gap), ``detail`` (slow changes of
            lightness are removed), ``noise`` (fine grain), ``lamp`` (a bright spot), ``bars`` (a letterbox), ``exposure`` (another
            contrast and level in every image) or ``mixed`` (detail behind bars).
        image_height: height of the drawn images, in pixels, at most 2048.
        image_width: width of the drawn images, in pixels, at most 2048.
        difficulty: knobs that differ from the benchmark, see ``vireid.data.synthetic.Difficulty``.
        shared: arguments for trials, network input, batches, split and reading of images, as in :class:`SYSUDataModule`.

    Raises:
        SettingsError: a number is out of range, or a knob is unknown.
    """

    dataset_name = "synthetic"
    acting = ("root",)

    def __init__(
        self,
        root: str | Path | None = None,
        identities: int = 310,
        test_identities: int = 60,
        images: int | None = None,
        seed_data: int = 0,
        style: Literal["near_infrared", "thermal"] = "near_infrared",
        world: WorldName = "contrast",
        image_height: int = 128,
        image_width: int = 64,
        difficulty: dict[str, float] | None = None,
        **shared: Any,
    ) -> None:
        if not 1 <= test_identities < identities:
            raise SettingsError(f"`test_identities` must be 1 to {identities - 1}, got {test_identities}.")
        at_most(LONGEST_SIDE, image_height=image_height, image_width=image_width)
        try:
            self.difficulty = Difficulty(**(difficulty or {}))
        except (TypeError, ValueError) as error:
            raise SettingsError(f"`difficulty`: {error}") from error
        self._drawing: dict[str, Any] = {
            "identities": identities,
            "test_identities": test_identities,
            "images": images,
            "seed": seed_data,
            "height": image_height,
            "width": image_width,
            "style": style,
            "world": world,
        }
        self._key = json.dumps({"version": GENERATOR_VERSION, **self._drawing, "difficulty": asdict(self.difficulty)}, sort_keys=True)
        folder = root if root is not None else self._cache_folder()
        super().__init__(root=folder, gallery="seeded", heldout="seeded", train_ids="trainval", **shared)
        self.record(root=None if root is None else str(self.root.absolute()))

    def _open(self) -> None:
        """Check nothing: the images are not written yet."""

    def _cache_folder(self) -> Path:
        return Path.home() / ".cache" / "vireid" / "synthetic" / hashlib.sha256(self._key.encode()).hexdigest()[:16]

    @property
    def num_classes(self) -> int:
        """Number of rows of the classifier. It is known before the images are written."""
        train: int = self._drawing["identities"] - self._drawing["test_identities"]
        return train - (heldout_count(train, self.heldout_fraction) if self.holds_out else 0)

    def prepare_data(self) -> None:
        """Write the images, unless the folder already holds them. The folder appears complete or not at all.

        Raises:
            DatasetError: ``root`` holds something other than these images, or a file asks to write there.
        """
        if self._is_drawn():
            return
        self._check_free()
        with FolderLock(self.root, beside=True, patience=math.inf):  # another process may be drawing the same
            if not self._is_drawn():
                self._draw()

    def _is_drawn(self) -> bool:
        marker = self.root / MARKER
        return marker.is_file() and marker.read_text(encoding="utf-8") == self._key

    def _check_free(self) -> None:
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise DatasetError(
                f"`root={str(self.root)!r}` exists but holds no images drawn with these arguments (its {MARKER} differs or is absent). "
                "Delete it, or set `data.init_args.root` to another folder."
            )
        if self.only_reads and self.root != self._cache_folder():
            raise DatasetError(
                f"The checkpoint's people are not in {str(self.root)!r}, and a file may not ask to draw them there. "
                f"Say so yourself: --data.root {str(self.root)!r}, or --data.root null for the cache."
            )
        if self.only_reads and self._drawing["identities"] > MOST_UNASKED:
            raise DatasetError(f"The checkpoint asks to draw {self._drawing['identities']:,} people. Say so yourself: --data.root FOLDER.")

    def _draw(self) -> None:
        self._check_free()
        temporary = self.root.absolute().with_name(f".{self.root.absolute().name}.drawn")
        shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
        try:
            self._write(temporary)
            (temporary / MARKER).write_text(self._key, encoding="utf-8")
            temporary.replace(self.root)  # onto nothing or an empty folder
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _write(self, folder: Path) -> None:
        try:
            write_dataset(folder, layout="sysu", workers=0, difficulty=self.difficulty, progress=True, **self._drawing)
        except ValueError as error:
            raise SettingsError(str(error)) from error

    def setup(self, stage: str) -> None:  # noqa: ARG002 - the same for all stages
        """Check that the images exist, for a caller that skipped :meth:`prepare_data`."""
        if not (self.root / MARKER).is_file():
            self.prepare_data()

    def _test_evaluation(self) -> Evaluation:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*hold fewer than")  # meant: few images per camera are drawn
            return super()._test_evaluation()

    def origin(self) -> dict[str, Any]:
        """The name of the data, and the arguments of the drawing."""
        return {**super().origin(), "drawing": json.loads(self._key)}

    def provenance(self) -> dict[str, Any]:
        """As :meth:`SYSUDataModule.provenance`, and the arguments of the drawing."""
        return {**super().provenance(), "drawing": json.loads(self._key)}
