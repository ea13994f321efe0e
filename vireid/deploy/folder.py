"""The folder of a deployed network: which files it has, its card, and digests of both; without torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vireid.deploy.card import Card
from vireid.errors import FolderError, MissingFileError
from vireid.files import file_digest, read_text
from vireid.settings.bounds import check_bounds

CARD, WEIGHTS, GENOTYPE, PROBE, README = "card.json", "weights.safetensors", "genotype.json", "probe.npz", "README.md"
FORMAT, VERSION = "vireid.card", 1
SEAL = "card_sha256"


def read_card(folder: str | os.PathLike[str]) -> Card:
    """The card of a folder.

    Raises:
        MissingFileError: no folder, or no card in it.
        FolderError: the card is damaged or was changed, of another version, or not ours.
    """
    path = Path(folder) / CARD
    name = repr(os.fspath(path))
    try:
        text = read_text(path)
        content = json.loads(text)
        check_bounds(content)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"There is no {name}: a folder of a deployed network holds one. `vireid export` writes it.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise FolderError(f"{name} is damaged: {error}. Export the network again.") from error
    _check_version(content, name)
    if content.get(SEAL) != _seal(content) or text != _text(content):
        raise FolderError(f"{name} was changed after it was written: its own digest does not fit. Export the network again.")
    try:
        return Card.from_dict(content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise FolderError(f"{name} is damaged: {type(error).__name__} {error}. Export the network again.") from error


def write_card(folder: Path, card: Card) -> None:
    """Write the card. Its digest shows damage; it is no signature, because whoever changes the card can compute it again."""
    content = {"format": FORMAT, "version": VERSION, **card.to_dict()}
    (folder / CARD).write_text(_text({**content, SEAL: _seal(content)}), encoding="utf-8")


def digests_of(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder, by relative path, but of its card and of the README, which people edit."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).as_posix() not in (CARD, README))
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}


def damages(folder: Path, card: Card, names: Iterable[str] | None = None) -> list[str]:
    """One sentence for every file that is not what the card says.

    Args:
        folder: the folder.
        card: its card.
        names: files to look at; ``None`` for all of them.
    """
    found = []
    for name in card.files if names is None else names:
        path = folder / name
        if name not in card.files:
            found.append(f"{name}: the card has no digest of it.")
        elif not path.is_file():
            found.append(f"{name}: the file is missing.")
        elif (digest := file_digest(path)) != card.files[name]:
            same = [other for other, known in card.files.items() if known == digest]
            found.append(f"{name}: it is the file {same[0]}." if same else f"{name}: its bytes are not those that were exported.")
    return found


def check_files(folder: Path, card: Card, names: Iterable[str]) -> None:
    """Refuse files that are not what the card says.

    Raises:
        FolderError: there is one; the message names it.
    """
    if found := damages(folder, card, names):
        raise FolderError(f"{os.fspath(folder)!r} is damaged. {' '.join(found)} Export the network again.")


def _check_version(content: Any, name: str) -> None:
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise FolderError(f'{name} is not the card of a deployed network: it lacks "format": "{FORMAT}".')
    version = content.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        hint = "it was written by a newer vireid: upgrade the package" if newer else f"expected version {VERSION}"
        raise FolderError(f"{name} has version {version!r}; {hint}.")


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"


def _seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of the card without the field that holds it."""
    return hashlib.sha256(_text({name: value for name, value in content.items() if name != SEAL}).encode()).hexdigest()
