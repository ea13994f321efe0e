"""Image files that a user names: files, folders of them, and lists; without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vireid.data.image_files import SUFFIXES
from vireid.errors import MissingFileError, SettingsError
from vireid.files import read_text

LIST = ".txt"
LARGEST = 100_000_000  # bytes of a list


def image_files(names: Iterable[str]) -> list[str]:
    """Paths of images, in the order of ``names``; those of a folder in the order of their paths.

    Args:
        names: image files, folders (with what is in folders below them; hidden files are left out), and text files with a path on each
            line, relative to the folder of the text file.

    Raises:
        MissingFileError: one does not exist.
        SettingsError: there is no image.
    """
    found = [path for name in names for path in _named(Path(name))]
    if not found:
        raise SettingsError(f"`images` names no image: a folder is searched for {', '.join(SUFFIXES)}.")
    return found


def _named(path: Path) -> Iterator[str]:
    if path.is_dir():
        inside = (file for file in path.rglob("*") if not any(part.startswith(".") for part in file.relative_to(path).parts))
        yield from (str(file) for file in sorted(inside) if file.suffix.lower() in SUFFIXES and file.is_file())
    elif path.suffix.lower() == LIST and path.is_file():
        try:
            lines = read_text(path, LARGEST).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{str(path)!r} is no list of paths: {error}.") from error
        for line in filter(None, map(str.strip, lines)):
            yield str(_existing(path.parent / line, f"line {line!r} of {str(path)!r}"))
    else:
        yield str(_existing(path, "`images`"))


def _existing(path: Path, where: str) -> Path:
    if not path.exists():
        raise MissingFileError(f"There is no image file {str(path)!r}, which {where} names.")
    return path
