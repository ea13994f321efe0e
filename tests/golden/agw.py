"""AGW's golden files beside our networks: the plug-ins of its methods, filled with the published weights."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.golden.cmnas import golden
from tests.golden.formula import fill_entry, images
from vireid.models import BNNeckHead, NonLocalBlocks, ReIDNetwork, TrunkPart, TwoStreams, load_agw_state, with_parts
from vireid.models.agw_state import reference_names
from vireid.nn import GeMPooling
from vireid.search import BNSeparation

METHODS = ("base", "agw")


def parts(method: str) -> list[TrunkPart]:
    """Parts of the trunk of ``base`` or ``agw``."""
    return [TwoStreams("maxpool"), *([NonLocalBlocks(inner_channels=1)] if method == "agw" else [])]


def head(method: str) -> BNNeckHead:
    """Head of ``base`` or ``agw``."""
    return BNNeckHead(GeMPooling(3.0) if method == "agw" else None)


def build(method: str, num_classes: int = 5) -> ReIDNetwork:
    """A network of ours, initial weights, float64."""
    torch.manual_seed(0)
    space = BNSeparation("resnet50")
    return head(method).build(with_parts(space.materialise(space.baseline("all_shared")), parts(method)), num_classes).double()


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
