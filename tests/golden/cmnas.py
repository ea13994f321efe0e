"""CM-NAS golden files beside our networks: filled states, site names, features by the published names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.golden.formula import fill_state, images, parse_shapes
from vireid.models import Backbone, ReIDNetwork, load_cmnas_state
from vireid.search import BNSeparation
from vireid.structures import Genotype
from vireid.structures.genotype import CMNAS_CODES
from vireid.structures.resnet_sites import cmnas_order

FOLDER = Path(__file__).parent


@lru_cache(maxsize=4)
def golden(name: str) -> dict[str, np.ndarray]:
    """Arrays of one file."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


@lru_cache(maxsize=1)
def r50_state() -> dict[str, Tensor]:
    """The reference's filled state dict of the ResNet-50 network."""
    data = golden("cmnas_r50_features")
    shapes = parse_shapes(data["state_names"], data["state_shapes"])
    return fill_state(shapes, int(data["S"]), float(data["gamma_scale"]))


@lru_cache(maxsize=1)
def r50_images() -> tuple[Tensor, Tensor]:
    """Visible and infrared images."""
    data = golden("cmnas_r50_features")
    S, pids = int(data["S"]), data["pids"]
    return images("r50/v", pids, 0.3, S), images("r50/t", pids, -0.3, S)


def r50_genotype(config: str) -> Genotype:
    """The genotype of configuration ``share``, ``split`` or ``mixed``."""
    codes = golden("cmnas_r50_features")[f"config_{config}"]
    return BNSeparation("resnet50").genotype(
        {site: CMNAS_CODES[str(code)] for site, code in zip(cmnas_order("resnet50"), codes, strict=True)}
    )


def r50_network(backbone: Backbone) -> ReIDNetwork:
    """Head and filled weights around a backbone, float64; everything must be filled and used."""
    network = ReIDNetwork(backbone, int(golden("cmnas_r50_features")["num_classes"])).double()
    report = load_cmnas_state(network, r50_state())
    assert report[:2] == ([], [])
    return network


def close(ours: Tensor, theirs: np.ndarray, rtol: float = 1e-8) -> float:
    """Largest difference relative to the largest value; asserts that it is at most ``rtol``."""
    expected = torch.from_numpy(np.asarray(theirs))
    error = ((ours.detach() - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()
    assert error <= rtol, error
    return error
