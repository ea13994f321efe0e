"""Proof of a folder: digests of its files, and embeddings of its probe computed again from files; without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.card import Card
from vireid.deploy.folder import CARD, PROBE, damages, read_card
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.onnx_embedder import OnnxEmbedder
from vireid.deploy.probe import Probe, picture, read_probe
from vireid.errors import FolderError
from vireid.structures import Modality

TOLERANCE = 1e-5
"""Largest difference of unit embeddings between a graph in single precision and the network in torch."""
LARGEST_TOLERANCE = 1e-3
"""Whatever a card says of a graph in single precision."""
BATCHES = (1, 2, 7, 33)


@dataclass(frozen=True)
class Verified:
    """A folder that is what its card says.

    Attributes:
        card: its card.
        differences: for each modality, the largest difference of unit embeddings from those of the network in torch.
    """

    card: Card
    differences: Mapping[Modality, float]


def verify(folder: str | os.PathLike[str]) -> Verified:
    """Check a folder from its files: digests, decoding, resizing, and every graph at several batch sizes; and the folders in it.

    Raises:
        MissingFileError: no folder, or no card in it.
        FolderError: something differs; the message names every file and modality that does.
        SettingsError: onnxruntime is absent.

    Example::

        verified = verify("deployed")  # raises if a file or a graph is not what was exported
    """
    path = Path(folder)
    card = read_card(path)
    found = damages(path, card)
    if found:
        raise FolderError(_message(path, found))
    probes = read_probe(path / PROBE, card)
    problems = [text for modality, probe in probes.items() for text in _decoding(probe, card, modality)]
    differences = {}
    if card.graphs:
        embedder = OnnxEmbedder(path)
        differences = {modality: largest_difference(embedder, probe, modality) for modality, probe in probes.items()}
        problems += [
            f"{card.graphs[modality]}: {modality.name.lower()} embeddings differ by {value:.2g} from those of the network, "
            f"more than {tolerance(card):.2g}."
            for modality, value in differences.items()
            if not value <= tolerance(card)
        ]
    if problems:
        raise FolderError(_message(path, problems))
    for name in sorted(name for name in card.files if name.endswith(f"/{CARD}")):
        verify((path / name).parent)
    return Verified(card, differences)


def tolerance(card: Card) -> float:
    """Largest difference of unit embeddings that graphs may have from the network in torch.

    The card tells it: for a graph of lower precision, and for a network that in float32 is itself further from float64.
    """
    told = TOLERANCE if card.parity is None else float(card.parity["tolerance"])
    return min(told, LARGEST_TOLERANCE) if card.precision == "fp32" else told


def largest_difference(embedder: ImageEmbedder, probe: Probe, modality: Modality) -> float:
    """Largest difference of a number of a unit embedding, over the images of a probe at batches of :data:`BATCHES`."""
    pixels, expected = resized(probe, embedder.card, modality), probe.embeddings
    found = [0.0]
    for size in BATCHES:
        rows = np.arange(max(size, len(pixels))) % len(pixels)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            found.append(float(np.abs(embedder.embed_pixels(pixels[part], modality) - expected[part]).max()))
    return float(np.max(found))  # NaN stays


def resized(probe: Probe, card: Card, modality: Modality) -> NDArray[np.uint8]:
    """Pixels of a probe as the network takes them, read from its files."""
    how = card.preparations[modality]
    return np.stack([picture(file).pixels(how.height, how.width, how.pixel_range) for file in probe.files])


def _decoding(probe: Probe, card: Card, modality: Modality) -> list[str]:
    """Sentences about images that this machine decodes or resizes in another way."""
    name, how = modality.name.lower(), card.preparations[modality]
    decoded = [np.asarray(picture(file).rgb(how.pixel_range)) for file in probe.files]
    pairs = zip(decoded, probe.decoded, strict=True)
    if not all(first.shape == second.shape and bool((first == second).all()) for first, second in pairs):
        return [f"{PROBE}: this Pillow decodes {name} images in another way."]
    if not np.array_equal(resized(probe, card, modality), probe.resized):
        return [f"{PROBE}: this Pillow resizes {name} images in another way."]
    return []


def _message(folder: Path, found: list[str]) -> str:
    shown = [*found[:4], *([f"... and {len(found) - 4} more"] if len(found) > 4 else [])]
    return "\n".join([f"{os.fspath(folder)!r} is not what was exported:", *(f"  {text}" for text in shown)])
