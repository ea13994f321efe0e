"""Writes the folder of a deployed network, whole or not at all."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vireid.deploy.card import Card
from vireid.deploy.folder import PROBE, README, digests_of, write_card
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.onnx_embedder import normalised
from vireid.deploy.onnx_graph import onnx_graph
from vireid.deploy.probe import Probe, make_probe, write_probe
from vireid.deploy.readme import readme
from vireid.deploy.sidecar import write_sidecar
from vireid.deploy.tracing import rounding, same, traced
from vireid.deploy.variants import Variants, measured, write_variants
from vireid.deploy.verification import BATCHES, LARGEST_TOLERANCE, TOLERANCE
from vireid.deploy.weights import write_network
from vireid.errors import FolderError, OutputError
from vireid.files import atomic_folder
from vireid.models import BranchNetwork, ReIDNetwork
from vireid.structures import Modality

PACKAGES = ("vireid", "torch", "onnx", "onnxscript", "onnxruntime", "safetensors", "numpy", "pillow")
SHARED = "shared.onnx"
ROOM = 4.0
"""How much further from the network a graph may be than the network in float32 is from itself in float64, if that is more than usual."""


def write_folder(
    folder: str | os.PathLike[str],
    network: ReIDNetwork | BranchNetwork,
    embedder: ImageEmbedder,
    graphs: bool,
    facts: Mapping[str, Any] | None = None,
    variants: Variants | None = None,
) -> Card:
    """Write a new folder: weights, genotype, card, probe and README; with ``graphs`` also one ONNX file for each modality.

    Args:
        folder: it must not exist.
        network: with the weights that embed.
        embedder: of this network; it gives the embeddings that graphs are compared with.
        graphs: whether to write graphs. If those of the modalities are equal, there is one.
        facts: fields of the card that the embedder does not know, such as ``results``.
        variants: graphs of lower precision to write too.

    Returns:
        The card of the folder.

    Raises:
        OutputError: the folder exists, or cannot be written; nothing is left then.
        FolderError: a graph gives other embeddings than the network.
        SettingsError: a package of the extra is absent.
    """
    target = Path(folder)
    if target.exists() or target.is_symlink():
        raise OutputError(f"{os.fspath(folder)!r} exists, and nothing is overwritten. Name another folder.")
    card = dataclasses.replace(embedder.card, **(facts or {}), producers=_producers(graphs), graphs={}, files={}, parity=None)
    probes = {modality: make_probe(embedder, modality) for modality in card.preparations}
    with atomic_folder(target) as tree:
        write_network(tree, network, card)
        write_probe(tree / PROBE, probes)
        if graphs:
            card = _with_graphs(tree, network, card, probes)
            card = write_variants(tree, card, probes, variants or Variants())
        (tree / README).write_text(readme(card), encoding="utf-8")
        card = dataclasses.replace(card, files=digests_of(tree))
        write_card(tree, card)
        _flush(tree)
    return card


def _with_graphs(tree: Path, network: ReIDNetwork | BranchNetwork, card: Card, probes: Mapping[Modality, Probe]) -> Card:
    """Write the graphs, and compare them with the network."""
    modules = {modality: traced(network, card, modality) for modality in card.preparations}
    first, *others = modules
    shared = all(same(modules[first], modules[other]) for other in others)
    names = {modality: SHARED if shared else f"{modality.name.lower()}.onnx" for modality in modules}
    for modality in [first] if shared else modules:
        path = tree / names[modality]
        path.write_bytes(onnx_graph(modules[modality], card, modality))
        write_sidecar(path, card, modality)
    card = dataclasses.replace(card, graphs=names, files=digests_of(tree))
    found = measured(tree, card, probes)
    own = {modality.name.lower(): rounding(network, card, modality, normalised(probe.resized)) for modality, probe in probes.items()}
    allowed = max(TOLERANCE, min(LARGEST_TOLERANCE, ROOM * max(own.values())))
    if wrong := [name for name, value in found.items() if not value <= allowed]:
        raise FolderError(
            f"The graph of {wrong[0]} images differs by {found[wrong[0]]:.2g} from the network, more than {allowed:.2g}, so nothing was "
            "written. Networks whose numbers overflow may do so; otherwise report it."
        )
    parity = {"largest_difference": found, "tolerance": allowed, "rounding": own, "batches": list(BATCHES)}
    return dataclasses.replace(card, parity=parity)


def _producers(graphs: bool) -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        if graphs or not name.startswith("onnx"):
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
    return found


def _flush(tree: Path) -> None:
    """Wait until every file is on the disk."""
    for path in (path for path in tree.rglob("*") if path.is_file()):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
