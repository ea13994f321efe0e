"""What a search step of OSNet-AIN keeps for the backward pass, at full size, on the meta device: shapes without values."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from vireid.models import Backbone
from vireid.search import OSNetAIN
from vireid.search.supernet import Supernet

SOFT, PATH = torch.full((6, 4), 0.25), torch.eye(4)[[0, 1, 2, 3, 0, 1]]  # a path with every placement
PUBLISHED = {  # measured on the published code and on plain PyTorch modules: MiB for one more image of 256 x 128
    "full": 288.7,
    "single path": 89.6,
    "shared trunk": 113.1,
    "candidates": 42.6,
    "sites": 18.6,
    "child": 77.1,
}
DOCUMENTED = {**PUBLISHED, "single path": 84.6}
OPTIONS: dict[str, tuple[dict[str, Any], Tensor | None]] = {
    "full": ({}, SOFT),
    "single path": ({}, PATH),
    "shared trunk": ({"shared_trunk": True}, SOFT),
    "candidates": ({"checkpointing": "candidates"}, SOFT),
    "sites": ({"checkpointing": "sites"}, SOFT),
    "child": ({}, None),
}


def saved_bytes(network: Backbone, images: int) -> int:
    """Bytes of the different storages that a forward pass keeps, parameters aside."""
    own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # storages live on, so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = network.train()(torch.empty(images, 3, 256, 128, device="meta"), images)
    assert output.requires_grad
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("option", OPTIONS)
def test_documented_memory(option: str) -> None:
    settings, weights = OPTIONS[option]
    space = OSNetAIN(**settings)
    with torch.device("meta"):
        network = space.materialise(space.baseline("osnet_ain")) if weights is None else space.supernet()
    if isinstance(network, Supernet):
        assert weights is not None
        network.set_mixture(weights.clone().requires_grad_())
    mebibytes = saved_bytes(network, 64) / 64 / 2**20  # so many images that what a batch keeps but once counts little
    assert mebibytes == pytest.approx(DOCUMENTED[option], abs=0.1)
    assert mebibytes == pytest.approx(PUBLISHED[option], rel=0.15)
