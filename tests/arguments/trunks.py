"""Arguments of trunks: names and shapes of their tensors, and the sites and maps that are found."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch

from tests.arguments.table import Change, Table, shapes
from vireid.models import CDNet, OSNet, ResNet, Timm, Torchvision, Trunk
from vireid.models.trunks.discovery import discover


def observe(trunk: Trunk) -> list[Any]:
    facts = discover(trunk)
    with torch.device("meta") if trunk.builds_on_meta else nullcontext():
        network = trunk.build()
    return [facts.norms, facts.pixels, facts.out_channels, shapes(network)]


TABLES = [
    Table(CDNet, observe, {"name": Change("cnet_x0_25"), "operations": Change(["3x5-1"] * 6)}, {"name": "cdnet_x0_25"}),
    Table(OSNet, observe, {"name": Change("osnet_ain_x0_25"), "placements": Change(["in"] * 6)}, {"name": "osnet_x0_25"}),
    Table(ResNet, observe, {"name": Change("resnet18"), "last_stride": Change(2), "width": Change(8)}, {"name": "resnet10"}),
    Table(
        Timm,
        observe,
        {"name": Change("resnet10t"), "arguments": Change({"layers": [2, 1, 1, 1]}), "image_size": Change((64, 64))},
        {"name": "test_resnet"},
    ),
    Table(Torchvision, observe, {"name": Change("mnasnet0_5"), "image_size": Change((64, 64))}, {"name": "mobilenet_v3_small"}),
]
