"""Arguments of spaces: sites, baselines and their cost, tensors of the supernet, and what the backward pass computes again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from tests.arguments.table import Change, Table, shapes
from vireid.models import ResNet
from vireid.nn.norm.mixture import Synchronised
from vireid.search import BNSeparation, CombinedDepth, INPlacement, JointNorm, OSNetAIN, SearchSpace, SupernetNorms

TINY = {"backbone": ResNet("resnet10", width=8)}
NAMED = {"backbone": "resnet10"}  # for arguments that go with a short name


def observe(space: SearchSpace) -> list[Any]:
    supernet = space.supernet()
    baselines = space.baselines()
    costs = [space.cost(baseline) for baseline in list(baselines.values())[:1]]
    tables = [space.cost_table("parameters"), space.cost_table("latency")]
    points = {name: point.choices for name, point in baselines.items()}
    return [space.sites(), points, costs, tables, shapes(supernet), computed(next(iter(supernet.choices.values())))]


def computed(choice: nn.Module) -> int:
    """How often convolutions of a choice run in a training step."""
    layers = [layer for layer in choice.train().modules() if isinstance(layer, nn.Conv2d)]
    runs = []
    for layer in layers:
        layer.register_forward_hook(lambda *_: runs.append(1))
    if layers:
        choice(torch.zeros(2, layers[0].in_channels, 8, 4, requires_grad=True)).sum().backward()
    return len(runs)


@contextmanager
def other_processes() -> Iterator[None]:
    """As one of several processes, of which the others see brighter images."""
    others = Synchronised(lambda own: replace(own, mean=own.mean + 1.0), lambda gradient: gradient)
    with mock.patch("vireid.nn.norm.norm_choice.across_processes", return_value=others):
        yield


def observe_norms(norms: SupernetNorms) -> list[Any]:
    """Output of a site that mixes two of three candidates, and its tensors afterwards, as one of several processes."""
    choice = norms.choice(nn.BatchNorm2d(4), ("shared_bn", "separate_bn", "in"))
    choice.n_visible = 2
    choice.set_mixture(torch.tensor([0.5, 0.0, 0.5]))
    with other_processes():
        out: Tensor = choice(torch.rand(4, 4, 3, 3, generator=torch.Generator().manual_seed(0)))
    return [out.detach(), {name: value.clone() for name, value in choice.state_dict().items()}]


TABLES = [
    Table(
        JointNorm,
        observe,
        {
            "backbone": Change(ResNet("resnet18", width=8)),
            "candidates": Change(("shared_bn", "in")),
            "sites": Change(["layer1.*"]),
            "tie": Change("block"),
            "subsets": Change({"bn1": ["shared_bn", "in"]}),
            "last_stride": Change(2, NAMED),
            "width": Change(8, NAMED),
        },
        TINY,
    ),
    Table(BNSeparation, observe, {"backbone": Change(ResNet("resnet18", width=8))}, TINY),
    Table(INPlacement, observe, {"backbone": Change(ResNet("resnet18", width=8))}, TINY),
    Table(
        CombinedDepth,
        observe,
        {
            "operations": Change("cnet"),
            "width": Change(0.5),
            "planes": Change((32, 128, 384, 512)),
            "stages": Change((1, 1, 1)),
            "small": Change(True),
            "fuse": Change(False),
            "checkpointing": Change("sites"),
        },
        {"operations": "cnet_3", "width": 0.25},
    ),
    Table(
        OSNetAIN,
        observe,
        {"width": Change("x0_5"), "shared_trunk": Change(True), "checkpointing": Change("sites")},
        {"width": "x0_25"},
    ),
    Table(SupernetNorms, observe_norms, {"affine": Change("none"), "update_skipped": Change(True), "synchronise": Change(True)}),
]
