"""Folders of lower precision in the folder of a deployed network: each has a card of its own, and is embedded with and verified alone."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vireid.deploy.card import Card, Precision
from vireid.deploy.folder import PROBE, digests_of, write_card
from vireid.deploy.image_embedder import unit
from vireid.deploy.onnx_embedder import OnnxEmbedder, normalised
from vireid.deploy.probe import Probe, write_probe
from vireid.deploy.reduced import calibration_pixels, write_half, write_openvino, write_whole_numbers
from vireid.deploy.sidecar import write_sidecar
from vireid.deploy.verification import BATCHES, TOLERANCE, largest_difference
from vireid.errors import FolderError
from vireid.structures import Modality

ROOM = 2.0
"""How much further than here a graph of lower precision may be from the network on another processor."""


@dataclass(frozen=True)
class Variants:
    """Graphs that are written beside those in single precision.

    Attributes:
        fp16: whether to write ``fp16/``.
        int8: calibration images of each modality, a folder, for ``int8/``; ``None`` for no such graphs.
        openvino: whether to write ``openvino/``, in single precision.
    """

    fp16: bool = False
    int8: Mapping[Modality, str] | None = None
    openvino: bool = False


def write_variants(tree: Path, card: Card, probes: Mapping[Modality, Probe], variants: Variants) -> Card:
    """Write the folders, and tell in the card how far their graphs are from the network.

    Raises:
        VireidError: calibration images are absent or cannot be read.
        FolderError: OpenVINO gives other embeddings than the network.
        SettingsError: OpenVINO is absent.
    """
    found: dict[str, Any] = {}
    if variants.fp16:
        found["fp16"] = _write(tree, card, probes, "fp16", lambda source, target, _: write_half(source, target))
    if variants.int8 is not None:
        images = {modality: calibration_pixels(folder, card, modality) for modality, folder in variants.int8.items()}
        shared = len(set(card.graphs.values())) < len(card.graphs)
        every = [image for part in images.values() for image in part]

        def quantise(source: Path, target: Path, modality: Modality) -> None:
            write_whole_numbers(source, target, every if shared else images[modality])

        found["int8"] = _write(tree, card, probes, "int8", quantise)
    if variants.openvino:
        found["openvino"] = _write_openvino(tree, card, probes)
    return dataclasses.replace(card, parity={**(card.parity or {}), **found})


def measured(tree: Path, card: Card, probes: Mapping[Modality, Probe]) -> dict[str, float]:
    """Largest difference of unit embeddings from the network, for each modality. The card is written first."""
    write_card(tree, card)
    embedder = OnnxEmbedder(tree)
    return {modality.name.lower(): largest_difference(embedder, probe, modality) for modality, probe in probes.items()}


def _write(
    tree: Path, card: Card, probes: Mapping[Modality, Probe], precision: Precision, reduce: Callable[[Path, Path, Modality], None]
) -> dict[str, float]:
    """One folder with a card of its own; how far its graphs are from the network."""
    folder = tree / precision
    folder.mkdir()
    for name in sorted(set(card.graphs.values())):
        modality = next(modality for modality, file in card.graphs.items() if file == name)
        reduce(tree / name, folder / name, modality)
        write_sidecar(folder / name, card, modality, precision)
    write_probe(folder / PROBE, probes)
    digest = hashlib.sha256(f"{card.digest} {precision}".encode()).hexdigest()
    own = dataclasses.replace(card, digest=digest, precision=precision, results=(), calibration=None, files=digests_of(folder))
    found = measured(folder, own, probes)
    parity = {"largest_difference": found, "tolerance": ROOM * max(found.values()), "batches": list(BATCHES)}
    write_card(folder, dataclasses.replace(own, parity=parity))
    return found


def _write_openvino(tree: Path, card: Card, probes: Mapping[Modality, Probe]) -> dict[str, float]:
    folder = tree / "openvino"
    folder.mkdir()
    found = {}
    for modality, name in card.graphs.items():
        target = folder / Path(name).with_suffix(".xml").name
        run = write_openvino(tree / name, target)
        plain = _embedded(run, probes[modality].resized, card.flip)
        found[modality.name.lower()] = float(np.abs(plain - probes[modality].embeddings).max())
        if not found[modality.name.lower()] <= TOLERANCE:
            difference = found[modality.name.lower()]
            raise FolderError(f"OpenVINO's {target.name} differs by {difference:.2g} from the network, so nothing was written.")
    return found


def _embedded(run: Any, pixels: Any, flip: bool) -> Any:
    rows = unit(np.asarray(run(normalised(pixels))[0]))
    return unit(rows + unit(np.asarray(run(normalised(pixels[:, :, ::-1]))[0]))) if flip else rows
