"""Images of people as a user names them: one image, a list, or folders by person and modality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vireid.deploy.image_lists import image_files
from vireid.errors import SettingsError
from vireid.structures import Modality

SIDES = {modality.name.lower(): modality for modality in Modality}


@dataclass(frozen=True)
class Group:
    """Images of one modality.

    Attributes:
        modality: sensor.
        paths: image files.
        people: name of the person on each, ``None`` for unknown.
    """

    modality: Modality
    paths: list[str]
    people: list[str | None]


def groups(path: str, modality: str | None, person: str | None) -> tuple[list[Group], list[str]]:
    """Images of each modality, and the names of folders of people that hold none.

    Args:
        path: an image, a list, or a folder.
        modality: sensor, if no folder says it.
        person: person, if no folder says it.

    Raises:
        MissingFileError: there is no such file.
        SettingsError: nothing says the modality, or there are no images.
    """
    sides = [side for side in SIDES if (Path(path) / side).is_dir()]
    if sides and modality is not None and modality not in sides:
        raise SettingsError(f"{path!r} holds {' and '.join(sides)} images, not {modality}.")
    if not sides and modality is None:
        raise SettingsError(
            f"Say of which modality {path!r} is: --modality visible or infrared. Folders visible/ and infrared/ in it say it, too."
        )
    found, empty = [], []
    for side in [modality] if modality is not None else sides:
        images = list(_by_person(Path(path) / side if sides else Path(path), person))
        empty += [name or "" for name, paths in images if not paths]
        paths = [path for _, inside in images for path in inside]
        if paths:
            found.append(Group(SIDES[side], paths, [name for name, inside in images for _ in inside]))
    if not found:
        image_files([path])  # says why
        raise SettingsError(f"{path!r} holds no image.")
    return found, empty


def _by_person(path: Path, person: str | None) -> Iterator[tuple[str | None, list[str]]]:
    """Names and their images."""
    if not path.is_dir() or person is not None:
        yield person, image_files([str(path)])
        return
    inside = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    folders = [entry for entry in inside if entry.is_dir()]
    loose = _images([entry for entry in inside if not entry.is_dir()])
    if loose:
        yield None, loose
    for folder in folders:
        yield folder.name, _images([folder])


def _images(entries: list[Path]) -> list[str]:
    from vireid.data.image_files import SUFFIXES

    named = [entry for entry in entries if entry.is_dir() or entry.suffix.lower() in SUFFIXES]
    try:
        return image_files(map(str, named)) if named else []
    except SettingsError:  # a folder without images
        return []
