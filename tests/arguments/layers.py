"""Arguments of layers: outputs, gradients and statistics, what is computed again, what is reported, and which parameters learn."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.arguments.spaces import other_processes
from tests.arguments.table import Change, Refused, Table, shapes
from vireid.models import Backbone
from vireid.nn import (
    BlockChoice,
    BNNeck,
    ChannelGraph,
    Choice,
    FullyConnectedNeck,
    GlobalLocalReasoning,
    InstanceBatchNorm2d,
    MixtureOfSoftmaxAttention,
    ModalityHeads,
    NonLocal,
    NormChoice,
    NormNeck,
    OneVersusRest,
    PerModality,
    PositionGraph,
    SeparateBatchNorm2d,
)
from vireid.search import SharedBlockChoice

CHANNELS = 16
MAPS = torch.rand(4, CHANNELS, 6, 4, generator=torch.Generator().manual_seed(0))
ROWS = MAPS.mean((2, 3))


def ran(layer: nn.Module, *inputs: Any) -> list[Any]:
    """In training, with the calls that its backward pass makes, and then in evaluation."""
    calls: list[str] = []
    for name, part in layer.named_modules():
        part.register_forward_hook(lambda *_, name=name: calls.append(name))
    first = inputs[0].clone().requires_grad_()
    trained = layer.train()(first, *inputs[1:])
    trained.square().sum().backward()
    evaluated = layer.eval()(*inputs).detach()
    state = [value.clone() for value in layer.state_dict().values()]
    learns = [parameter.requires_grad for parameter in layer.parameters()]
    return [trained.detach(), first.grad, evaluated, calls, shapes(layer), state, learns]


def observe(layer: nn.Module) -> list[Any]:
    """A layer of a trunk, two of whose four images are visible."""
    backbone = Backbone(layer, CHANNELS)
    backbone.train()(MAPS, 2)
    return [backbone.take_reports() or {}, *ran(layer, MAPS)]


def observe_choice(choice: Choice) -> list[Any]:
    """With a mixture, and as one candidate."""
    choice.set_mixture(torch.tensor([0.6, 0.4, *[0.0] * (len(choice.candidates) - 2)]))
    mixed = observe(choice)
    choice.set_mixture(torch.tensor([1.0, *[0.0] * (len(choice.candidates) - 1)]))
    return [choice.candidates, mixed, observe(choice)]


def observe_norms(choice: NormChoice) -> list[Any]:
    """As one of several processes."""
    with other_processes():
        return observe_choice(choice)


def observe_neck(neck: nn.Module) -> list[Any]:
    build: Any = getattr(neck, "build_classifier", lambda classes: nn.Identity())
    return [*ran(neck, ROWS), shapes(build(3))]


def observe_heads(heads: ModalityHeads) -> list[Any]:
    return ran(heads, ROWS, 2)


def observe_parts(relation: OneVersusRest) -> list[Any]:
    return ran(relation, MAPS.mean(3).mT[:, :3])


WRONG = CHANNELS + 1
CONVOLVED = {"channels": Refused(WRONG, match="to have 17 channels, but got 16")}
NORMALISED = {"num_features": Refused(WRONG, match="17")}
SMALL_HEADS = {"in_features": CHANNELS, "num_classes": 3, "hidden": 4}


def norm() -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(CHANNELS)
    nn.init.constant_(layer.weight, 2.0)
    return layer


TABLES = [
    Table(ChannelGraph, observe, {"scaled": Change(True), "report_name": Change("other"), "only_in_evaluation": Change(True)}),
    Table(PositionGraph, observe, CONVOLVED, {"channels": CHANNELS}),
    Table(GlobalLocalReasoning, observe, {**CONVOLVED, "residual": Change("triple")}, {"channels": CHANNELS}),
    Table(NonLocal, observe, {**CONVOLVED, "inner": Change(3)}, {"channels": CHANNELS}),
    Table(
        MixtureOfSoftmaxAttention,
        observe,
        {
            **CONVOLVED,
            "heads": Change(1),
            "key_channels": Change(8),
            "value_channels": Change(8),
            "mixtures": Change(2),
            "pooled": Change(False),
            "dropout": Change(0.5),
        },
        {"channels": CHANNELS, "key_channels": 4, "value_channels": 4},
    ),
    Table(
        OneVersusRest,
        observe_parts,
        {"in_channels": Refused(WRONG, match="to have 17 channels"), "channels": Change(6), "parts": Refused(2, match="longer|shorter")},
        {"in_channels": CHANNELS, "channels": 4, "parts": 3},
    ),
    Table(SeparateBatchNorm2d, observe, {**NORMALISED, "eps": Change(0.1), "momentum": Change(0.5)}, {"num_features": CHANNELS}),
    Table(
        InstanceBatchNorm2d,
        observe,
        {"instance": Change(nn.InstanceNorm2d(8, affine=True)), "batch": Change(SeparateBatchNorm2d(8))},
        {"instance": nn.InstanceNorm2d(8), "batch": nn.BatchNorm2d(8)},
    ),
    Table(PerModality, observe, {"module": Change(nn.Conv2d(CHANNELS, 4, 1))}, {"module": nn.BatchNorm2d(CHANNELS)}),
    Table(
        NormChoice,
        observe_norms,
        {
            "bn": Change(nn.BatchNorm2d(CHANNELS)),
            "candidates": Change(("shared_bn", "in")),
            "affine": Change("common"),
            "update_skipped": Change(True),
            "synchronise": Change(True),
        },
        {"bn": norm()},
    ),
    Table(
        BlockChoice,
        observe_choice,
        {"blocks": Change({"a": nn.BatchNorm2d(CHANNELS), "b": nn.Tanh()}), "checkpointing": Change("sites")},
        {"blocks": {"a": nn.BatchNorm2d(CHANNELS), "b": nn.ReLU()}},
    ),
    Table(
        SharedBlockChoice,
        observe_choice,
        {
            "in_channels": Refused(WRONG, match="to have 17 channels"),
            "out_channels": Change(128),
            "checkpointing": Change("sites"),
        },
        {"in_channels": CHANNELS, "out_channels": 64},
    ),
    Table(BNNeck, observe_neck, {**NORMALISED, "dropout": Change(0.5)}, {"num_features": CHANNELS}),
    Table(
        FullyConnectedNeck,
        observe_neck,
        {
            "in_features": Refused(WRONG, match="cannot be multiplied"),
            "out_features": Change(6),
            "affine": Change(False),
            "dropout": Change(0.5),
        },
        {"in_features": CHANNELS, "out_features": 4},
    ),
    Table(
        NormNeck,
        observe_neck,
        {**NORMALISED, "norm": Change("gn"), "bias": Change(True), "classifier_bias": Change(True)},
        {"num_features": CHANNELS},
    ),
    Table(
        ModalityHeads,
        observe_heads,
        {
            "in_features": Refused(WRONG, match="17"),
            "num_classes": Change(4),
            "hidden": Change(5),
            "head_bn": Change("per_modality"),
        },
        SMALL_HEADS,
    ),
]
