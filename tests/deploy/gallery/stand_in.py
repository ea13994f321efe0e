"""An embedder without a network, images of people for it, and what files of a gallery hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vireid import Gallery
from vireid.deploy import Card, ImageEmbedder, Preparation
from vireid.structures import Modality

WIDTH = 32
HEIGHT, BREADTH = 8, 4


class Projection(ImageEmbedder):
    """Embeds by one fixed random projection of the pixels, whatever the modality."""

    def __init__(self, name: str = "first", width: int = WIDTH, calibration: Any = None) -> None:
        digest = hashlib.sha256(f"{name} {width}".encode()).hexdigest()
        preparations = {modality: Preparation(HEIGHT, BREADTH) for modality in Modality}
        super().__init__(Card(digest, width, preparations, calibration=calibration))
        seed = int.from_bytes(name.encode()[:4], "big")
        self._projection = np.random.default_rng(seed).standard_normal((HEIGHT * BREADTH * 3, width)).astype(np.float32)

    def _raw(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        return (pixels.reshape(len(pixels), -1).astype(np.float32) - 127) @ self._projection


def image(person: int, shot: int = 0, grey: bool = False, size: tuple[int, int] = (10, 20)) -> Image.Image:
    """A noisy picture; two shots of one person resemble one another."""
    own = np.random.default_rng(person).integers(0, 256, (size[1], size[0], 1 if grey else 3))
    noise = np.random.default_rng([person, shot + 1]).integers(-30, 31, own.shape)
    pixels = np.clip(own + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(np.repeat(pixels, 3, 2) if grey else pixels)


def files(folder: Path, people: int = 3, shots: int = 2, grey: bool = False) -> list[Path]:
    """Images of people as files, ``person-shot.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for person in range(people):
        for shot in range(shots):
            paths.append(folder / f"{person}-{shot}.png")
            image(person, shot, grey).save(paths[-1])
    return paths


def unit_rows(count: int, width: int = WIDTH, seed: int = 0) -> NDArray[np.float32]:
    """Random directions."""
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def on_disk(path: Path) -> bytes:
    """All that the files of a gallery hold: database, log, index, and what else begins with its name."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()) if path.name in file.name)


def remains(path: Path, contents: Iterable[bytes], living: Iterable[bytes] = (), size: int = 8) -> int:
    """How many pieces of ``size`` bytes of the contents the files of a gallery hold.

    Pieces of the living do not count, nor those of few values, such as small numbers, which a database holds by itself.
    """
    pieces = {content[at : at + size] for content in contents for at in range(0, len(content) - size + 1, size)}
    held = {piece for piece in pieces if len(set(piece)) > 4} & _windows(on_disk(path), size)
    return len(held - _windows(b"".join(living), size))


def _windows(content: bytes, size: int) -> set[bytes]:
    """Every ``size`` bytes that follow one another."""
    return {content[at : at + size] for at in range(len(content) - size + 1)}


def contents(gallery: Gallery) -> dict[int, tuple[Any, ...]]:
    """Everything that can be found, by number."""
    return {e.id: (e.person, e.modality, e.camera, e.time) for e in gallery.entries()}
