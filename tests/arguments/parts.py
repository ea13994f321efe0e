"""Arguments of parts of a trunk: the state of a ResNet with the part, and what it gives and reports in training."""

from __future__ import annotations

from typing import Any

import torch

from tests.arguments.table import Change, Table, shapes
from vireid.models import (
    Backbone,
    ChannelGraphs,
    ConvolutionBias,
    GlobalLocalGraphs,
    LinearStem,
    MixtureAttention,
    NonLocalBlocks,
    PositionGraphs,
    ResNet,
    TrunkPart,
    TwoStreams,
)


def observe(part: TrunkPart) -> list[Any]:
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trunk = ResNet("resnet10", width=16).build()
        part.attach(trunk)
        backbone = Backbone(trunk)
        map_ = backbone(images, 2).detach()
    reports = backbone.take_reports() or {}
    return [map_, {name: report.detach() for name, report in reports.items()}, shapes(trunk)]


TABLES = [
    *(Table(cls, observe, {}) for cls in (ConvolutionBias, LinearStem)),
    Table(
        ChannelGraphs,
        observe,
        {"after": Change("layer2"), "scaled": Change(True), "report_name": Change("other"), "only_in_evaluation": Change(True)},
    ),
    Table(GlobalLocalGraphs, observe, {"after": Change("layer3"), "residual": Change("triple")}),
    Table(
        MixtureAttention,
        observe,
        {
            "after": Change("layer3"),
            "heads": Change(1),
            "key_channels": Change(32),
            "value_channels": Change(32),
            "mixtures": Change(2),
            "pooled": Change(False),
            "dropout": Change(0.5),
        },
    ),
    Table(NonLocalBlocks, observe, {"places": Change(["layer1"]), "inner_channels": Change(1)}),
    Table(PositionGraphs, observe, {"after": Change("layer3")}),
    Table(TwoStreams, observe, {"until": Change("layer1")}),
]
