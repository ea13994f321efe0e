"""Listing of image folders by file names; no file is opened."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from vireid.data.image_files import SUFFIXES
from vireid.errors import DatasetNotFoundError


class Lister:
    """Lists the image files of folders in the order of their names, and records files that are not images (strays).

    Args:
        root: folder of the dataset, which messages name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, tuple[str, ...]] = {}
        self._strays: list[str] = []
        self._warned = 0

    def images(self, folder: str) -> tuple[str, ...]:
        """Sorted names of the images in ``folder`` (relative to the root); empty if the folder does not exist."""
        if folder not in self._files:
            names: list[str] = []
            strays: list[str] = []
            try:
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        (names if entry.name.lower().endswith(SUFFIXES) else strays).append(entry.name)
            except (FileNotFoundError, NotADirectoryError):
                pass
            self._files[folder] = tuple(sorted(names))
            self._strays.extend(f"{folder}/{name}" for name in sorted(strays))
        return self._files[folder]

    def folders(self, folder: str) -> list[str]:
        """Sorted names of the sub-folders of ``folder`` that are not hidden; other entries are strays."""
        names = []
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.is_dir() and not entry.name.startswith("."):
                    names.append(entry.name)
                else:
                    self._strays.append(f"{folder}/{entry.name}")
        return sorted(names)

    @property
    def strays(self) -> tuple[str, ...]:
        """Files found so far that are not images, relative to the root."""
        return tuple(self._strays)

    def warn_strays(self) -> None:
        """Warn once if files that are not images were found since the last warning. The warning counts them and names one."""
        count = len(self._strays) - self._warned
        if count:
            example = self._strays[self._warned]
            self._warned = len(self._strays)
            warnings.warn(f"Ignored {count} entries under {str(self.root)!r} that are not images, e.g. {example!r}.", stacklevel=3)


def require_folders(root: Path, folders: tuple[str, ...]) -> None:
    """Check that the folders of a dataset exist.

    Raises:
        DatasetNotFoundError: a folder is absent. The message names the first absent folder and all expected ones.
    """
    *first, last = (f"{folder}/" for folder in folders)
    expected = f"{', '.join(first)} and {last}" if first else last
    hint = "Set `data.init_args.root`."
    if not root.is_dir():
        raise DatasetNotFoundError(f"There is no folder `root={str(root)!r}`; expected one with {expected}. {hint}")
    for folder in folders:
        if not (root / folder).is_dir():
            raise DatasetNotFoundError(f"No `{folder}/` folder under `root={str(root)!r}`; expected {expected}. {hint}")
