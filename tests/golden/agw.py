"""AGW's golden files beside our networks: those of the packaged configurations, filled with the published weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.golden.cgrnet_tiny import recipe
from tests.golden.cmnas import golden
from tests.golden.formula import fill_entry, images
from vireid import RetrainModule
from vireid.models import ReIDNetwork, load_agw_state
from vireid.models.published.agw import reference_names
from vireid.settings import instantiate

METHODS = {"base": "agw_base", "agw": "agw", "caj": "caj"}


def arguments(method: str) -> dict[str, Any]:
    """Of the task, in the configuration of ``method``, without pretrained weights."""
    return {**recipe(METHODS[method]), "weights": None}


def build(method: str, num_classes: int = 5) -> ReIDNetwork:
    """A network of ours, initial weights, float64."""
    module: RetrainModule = instantiate({"class_path": "vireid.RetrainModule", "init_args": arguments(method)}, num_classes=num_classes)
    assert isinstance(module.network, ReIDNetwork)
    return module.network.double()


def filled(network: ReIDNetwork, S: int, gamma: float) -> dict[str, Tensor]:
    """The reference's state, by the formulas, of the entries that it uses; the files name no shapes, ours are the same."""
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    return {theirs: fill_entry(theirs, shapes[ours], S, gamma) for ours, theirs in reference_names(shapes).items()}


def fill(network: ReIDNetwork, S: int, gamma: float) -> ReIDNetwork:
    """The network with those weights; everything must be filled and used."""
    assert load_agw_state(network, filled(network, S, gamma)) == ([], [], [])
    return network


def batch(mode: int) -> tuple[Tensor, int]:
    """Images of the file, of both modalities, the visible or the infrared ones, and the number of visible ones."""
    data = golden("agw_net")
    visible, infrared = (images(f"agwnet/{tag}", data["pids"], shift, int(data["S"])) for tag, shift in (("v", 0.3), ("t", -0.3)))
    return [(torch.cat((visible, infrared)), len(visible)), (visible, len(visible)), (infrared, 0)][mode]
