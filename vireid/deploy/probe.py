"""Images that prove a graph: drawn people, black and constant images, with the embeddings that the network in torch gave; without torch.

They are drawn, so that a folder holds no picture of anybody.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vireid.archives import read_arrays
from vireid.data.image_files import decoded_image
from vireid.data.synthetic import Difficulty
from vireid.data.synthetic.render import Look, Unit, render
from vireid.deploy.card import Card
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.pictures import Picture
from vireid.errors import FolderError
from vireid.structures import Modality

PEOPLE = 5
IMAGES = PEOPLE + 3


@dataclass(frozen=True)
class Probe:
    """The images of one modality.

    Attributes:
        files: content of image files.
        decoded: their pixels, ``(H, W, 3)`` each.
        resized: ``(N, height, width, 3)`` pixels as the network takes them.
        embeddings: ``(N, D)`` unit embeddings that the network gave.
    """

    files: tuple[bytes, ...]
    decoded: tuple[NDArray[np.uint8], ...]
    resized: NDArray[np.uint8]
    embeddings: NDArray[np.float32]


def make_probe(embedder: ImageEmbedder, modality: Modality) -> Probe:
    """Images of one modality as an embedder sees them."""
    how = embedder.card.preparations[modality]
    files = tuple(_png(image) for image in _drawn(modality, how.height, how.width))
    found = [picture(file) for file in files]
    resized = np.stack([one.pixels(how.height, how.width, how.pixel_range) for one in found])
    decoded = tuple(np.asarray(one.rgb(how.pixel_range)) for one in found)
    return Probe(files, decoded, resized, embedder.embed_pixels(resized, modality))


def picture(file: bytes) -> Picture:
    """The image of a file's content."""
    name = "an image of the probe"
    return Picture(decoded_image(file, name), name)


def write_probe(path: Path, probes: Mapping[Modality, Probe]) -> None:
    """Write the images of all modalities."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for modality, probe in probes.items():
        name = modality.name.lower()
        arrays |= {f"{name}_resized": probe.resized, f"{name}_embeddings": probe.embeddings}
        for row, (file, pixels) in enumerate(zip(probe.files, probe.decoded, strict=True)):
            arrays |= {f"{name}_{row}_file": np.frombuffer(file, np.uint8), f"{name}_{row}_decoded": pixels}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options


def read_probe(path: Path, card: Card) -> dict[Modality, Probe]:
    """The images of all modalities of a card.

    Raises:
        FolderError: the file is damaged, or not of this card.
    """
    found = {}
    try:
        arrays = read_arrays(path)
        for modality in card.preparations:
            name = modality.name.lower()
            rows = range(len(arrays[f"{name}_resized"]))
            files = tuple(arrays[f"{name}_{row}_file"].tobytes() for row in rows)
            decoded = tuple(arrays[f"{name}_{row}_decoded"] for row in rows)
            found[modality] = Probe(files, decoded, arrays[f"{name}_resized"], arrays[f"{name}_embeddings"])
    except Exception as error:  # whatever a reader of archives stumbles over
        raise FolderError(f"{path.name} is damaged: {error}. Export the network again.") from error
    return found


def _drawn(modality: Modality, height: int, width: int) -> list[Image.Image]:
    """People of another size than the network's, noise, a black image and a constant one."""
    sensor, camera = ("visible", 1) if modality is Modality.VISIBLE else ("near_infrared", 3)
    look = Look(seed=0, height=max(32, height * 3 // 2), width=max(16, width * 3 // 2), difficulty=Difficulty())
    people = render(look, Unit(camera, sensor, 0, PEOPLE, 0, 1)).images[:, 0]  # type: ignore[arg-type]  # a Literal
    noise = np.random.default_rng(0).integers(0, 256, (height + 5, width + 3), dtype=np.uint8)
    flat = [np.zeros((height, width), np.uint8), np.full((height * 2, width), 127, np.uint8)]
    if modality is Modality.INFRARED:
        arrays = [*(image[:, :, 0] for image in people), noise.astype(np.uint16) * 257, *flat]
    else:
        arrays = [*people, np.stack([noise, noise.T.reshape(noise.shape), 255 - noise], 2), *flat]
    return [Image.fromarray(np.ascontiguousarray(array)) for array in arrays]


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
