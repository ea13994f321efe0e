"""Arguments of heads: the state of the network behind the trunk, outputs in training and evaluation, and which parameters learn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.arguments.table import Change, Refused, Table, shapes
from vireid.models import (
    Backbone,
    BalanceHead,
    BNNeckHead,
    FineGrainedHead,
    FullyConnectedHead,
    Head,
    MutualLearningHead,
    StandardHead,
    StripeHead,
)
from vireid.nn import GeMPooling

CHANNELS = 8


class Levels(nn.Module):
    """A trunk that gives its input, as maps of two depths."""

    channels, out_channels = (CHANNELS, CHANNELS), CHANNELS

    def forward(self, images: Tensor) -> Tensor:
        return images

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images, images.flip(0)


def observe(head: Head) -> list[Any]:
    maps = torch.rand(8, CHANNELS, 6, 2, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = head.build(Backbone(Levels()), 4)
        trained = network.train()(maps, 4)
        evaluated = network.eval()(maps, 4)
    learns = [parameter.requires_grad for parameter in network.parameters()]
    branches = [(*branch[:3], branch.extras or {}) for output in (trained, evaluated) for branch in output.branches]
    return [branches, shapes(network), learns]


TABLES = [
    Table(BNNeckHead, observe, {"pooling": Change(GeMPooling()), "dropout": Change(0.5)}),
    Table(BalanceHead, observe, {"fc_dims": Change((6,)), "dropout": Change(0.5), "projection": Change(True)}),
    Table(FineGrainedHead, observe, {"fc_dims": Change((6,)), "dropout": Change(0.5)}),
    Table(
        FullyConnectedHead,
        observe,
        {
            "out_features": Change(6),
            "affine": Change(False),
            "dropout": Change(0.5),
            "weights": Refused("absent.pth", match=r"absent\.pth"),
        },
    ),
    Table(
        MutualLearningHead,
        observe,
        {
            "hidden": Change(6),
            "heads_on": Change("pool"),
            "head_bn": Change("per_modality"),
            "neck_norm": Change("gn"),
            "neck_bias": Change(True),
            "classifier_bias": Change(True),
            "pooling": Change(GeMPooling()),
        },
    ),
    Table(StandardHead, observe, {"fc_dims": Change((6,)), "dropout": Change(0.5), "norm": Change(False)}),
    Table(
        StripeHead,
        observe,
        {"stripes": Change(2), "width": Change(6), "p": Change(1.0), "relation": Change(False), "strips": Change(False)},
    ),
]
