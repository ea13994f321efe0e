"""Listing of image folders by file names; no file is opened."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from vireid.data.image_files import SUFFIXES
from vireid.errors import DatasetError, DatasetNotFoundError

OF_ARCHIVES = "__MACOSX"  # folder of metadata in archives that were made on a Mac


class Lister:
    """Lists the image files of folders in the order of their names, and records other entries (strays).

    Hidden files are strays, whatever their suffix: a Mac leaves ``._0000.jpg`` beside ``0000.jpg``. Whether a file with the suffix of an
    image is one shows when it is read.

    Args:
        root: folder of the dataset, which messages name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, tuple[str, ...]] = {}
        self._strays: list[str] = []
        self._warned = 0

    def images(self, folder: str) -> tuple[str, ...]:
        """Sorted names of the images in ``folder`` (relative to the root); empty if the folder does not exist.

        Raises:
            DatasetError: the folder cannot be listed.
        """
        if folder not in self._files:
            entries = self._entries(folder)
            names = {entry.name for entry in entries if _visible(entry) and entry.name.lower().endswith(SUFFIXES)}
            self._files[folder] = tuple(sorted(names))
            self._add_strays(folder, [entry.name for entry in entries if entry.name not in names])
        return self._files[folder]

    def folders(self, folder: str) -> list[str]:
        """Sorted names of the sub-folders of ``folder`` (relative to the root, which is ``""``); other and hidden entries are strays.

        Raises:
            DatasetError: the folder cannot be listed.
        """
        entries = self._entries(folder)
        names = {entry.name for entry in entries if _visible(entry) and _is_folder(entry)}
        self._add_strays(folder, [entry.name for entry in entries if entry.name not in names])
        return sorted(names)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise DatasetError(f"Cannot list the folder {str(self.root / folder)!r}: {error.strerror or error}.") from error

    def _add_strays(self, folder: str, names: list[str]) -> None:
        self._strays.extend(f"{folder}/{name}".lstrip("/") for name in sorted(names))

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


def _visible(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.name != OF_ARCHIVES


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


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
