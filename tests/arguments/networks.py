"""Arguments of trunks, necks and whole networks: outputs in training and evaluation, and tensors; and of supernets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.arguments.table import Change, Refused, Table, shapes
from vireid.models import (
    Backbone,
    BalanceNeck,
    BNNeckHead,
    BranchNeck,
    BranchNetwork,
    CDNetTrunk,
    FineGrainedNeck,
    MutualLearningNetwork,
    NetworkOutput,
    OSNetTrunk,
    ReIDNetwork,
    ResNetTrunk,
    StandardNeck,
    StripeNeck,
)
from vireid.nn import BNNeck, FullyConnectedNeck, GeMPooling, ModalityHeads, NormChoice, NormNeck
from vireid.search import ArchitectureParameters, RandomOneHot, Site, Supernet
from vireid.structures import Genotype

CHANNELS, WRONG = 16, 17
IMAGES = torch.rand(4, 3, 64, 32, generator=torch.Generator().manual_seed(0))
MAPS = tuple(torch.rand(4, CHANNELS, 6, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(2))


def plain(output: NetworkOutput | Tensor) -> Any:
    if isinstance(output, Tensor):
        return output.detach()
    return [(branch.features, branch.embeddings, branch.logits, branch.extras or {}) for branch in output.branches]


def observe(module: nn.Module, *inputs: Any) -> list[Any]:
    with torch.no_grad():
        return [plain(module.train()(*inputs)), plain(module.eval()(*inputs)), shapes(module)]


def observe_trunk(trunk: nn.Module) -> list[Any]:
    return observe(trunk, IMAGES)


def observe_network(network: nn.Module) -> list[Any]:
    return observe(network, IMAGES, 2)


def observe_backbone(backbone: Backbone) -> list[Any]:
    """With the head that is built for its number of channels."""
    return [*observe_network(backbone), shapes(BNNeckHead().build(backbone, 2))]


def observe_neck(neck: BranchNeck) -> list[Any]:
    return [*observe(neck, MAPS), neck.embed(MAPS).detach()]


def observe_supernet(supernet: Supernet) -> list[Any]:
    """As the child that the sites know as its separate one."""
    supernet.set_genotype(Genotype({}, {"1": "separate_bn"}))
    return observe_backbone(supernet)


def observe_logits(parameters: ArchitectureParameters) -> list[Any]:
    return [parameters.logits.detach(), parameters.groups, parameters.candidates, parameters.probabilities().detach()]


def trunk(channels: int = CHANNELS) -> nn.Sequential:
    layers = nn.Sequential(nn.Conv2d(3, channels, 3, 4), nn.BatchNorm2d(channels))
    layers.out_channels = channels
    return layers


def choice(*candidates: str) -> NormChoice:
    return NormChoice(nn.BatchNorm2d(CHANNELS), candidates)


def site(*candidates: str) -> Site:
    return Site("1", candidates)


def neck_table(cls: Callable[..., BranchNeck], rows: dict[str, Any], channels: str = "in_channels") -> Table:
    wrong: Any = (WRONG, WRONG) if channels == "channels" else WRONG
    given = {channels: (CHANNELS, CHANNELS) if channels == "channels" else CHANNELS, "num_classes": 3}
    return Table(cls, observe_neck, {channels: Refused(wrong, match="17"), "num_classes": Change(4), **rows}, given)


FULLY_CONNECTED = {"fc_dims": Change((6,)), "dropout": Change(0.5)}
ONE = {"backbone": Backbone(trunk()), "num_classes": 3}
NETWORK = {"backbone": Change(Backbone(trunk())), "num_classes": Change(4), "pooling": Change(GeMPooling())}
LAYERS = ((3, 5, 1), (5, 7, 1))

TABLES = [
    Table(Backbone, observe_backbone, {"trunk": Change(trunk(8)), "out_channels": Change(5)}, {"trunk": trunk()}),
    Table(ReIDNetwork, observe_network, {**NETWORK, "neck": Change(FullyConnectedNeck(CHANNELS, 6))}, ONE),
    Table(
        MutualLearningNetwork,
        observe_network,
        {**NETWORK, "neck": Change(NormNeck(CHANNELS, "gn")), "heads": Change(None), "heads_on": Change("pool")},
        {**ONE, "pooling": None, "neck": BNNeck(CHANNELS), "heads": ModalityHeads(CHANNELS, 3, 4), "heads_on": "neck"},
    ),
    Table(
        BranchNetwork,
        observe_network,
        {"backbone": Change(Backbone(trunk())), "neck": Change(StandardNeck(CHANNELS, 3))},
        {"backbone": Backbone(trunk()), "neck": BalanceNeck(CHANNELS, 3, (4,))},
    ),
    neck_table(BalanceNeck, {**FULLY_CONNECTED, "projection": Change(True)}),
    neck_table(FineGrainedNeck, FULLY_CONNECTED, "channels"),
    neck_table(StandardNeck, {**FULLY_CONNECTED, "norm": Change(False)}),
    neck_table(
        StripeNeck,
        {"stripes": Change(2), "width": Change(6), "p": Change(1.0), "relation": Change(False), "strips": Change(False)},
    ),
    Table(
        CDNetTrunk,
        observe_trunk,
        {
            "layers": Change(((3, 5, 1), (3, 5, 1))),
            "planes": Change((32, 32, 64)),
            "stages": Refused((1,), match="`planes` must hold"),
            "small": Change(True),
            "fuse": Change(False),
        },
        {"layers": LAYERS, "planes": (16, 32, 32), "stages": (1, 1)},
    ),
    Table(
        OSNetTrunk,
        observe_trunk,
        {"channels": Change((16, 64, 96, 64)), "placements": Change(("in",) * 6), "stem": Change("in"), "affine": Change(False)},
        {"channels": (16, 64, 64, 64)},
    ),
    Table(
        ResNetTrunk,
        observe_trunk,
        {"kind": Change("bottleneck"), "depths": Change((2, 1, 1, 1)), "last_stride": Change(2), "width": Change(8)},
        {"kind": "basic", "depths": (1, 1, 1, 1), "width": 4},
    ),
    Table(
        Supernet,
        observe_supernet,
        {
            "trunk": Change(trunk()),
            "sites": Change([site("separate_bn", "shared_bn")]),
            "choices": Change({"1": choice("shared_bn", "in")}),
            "out_channels": Change(5),
        },
        {"trunk": trunk(), "sites": [site("shared_bn", "separate_bn")], "choices": {"1": choice("shared_bn", "separate_bn")}},
    ),
    Table(
        ArchitectureParameters,
        observe_logits,
        {
            "sites": Change([site("shared_bn", "in", "ibn")]),
            "relaxation": Change(RandomOneHot()),
            "generator": Change(torch.Generator().manual_seed(1), {"relaxation": RandomOneHot()}),
        },
        {"sites": [site("shared_bn", "in")]},
    ),
]
