"""Sites of trunks: those that were declared by hand, those of other networks, and networks that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.trunks.declared_sites import cdnet_sites, osnet_sites, resnet_sites
from vireid.errors import SettingsError
from vireid.models import CDNet, OSNet, ResNet, Timm, Torchvision, Trunk
from vireid.models.trunks.cdnet import PUBLISHED
from vireid.models.trunks.discovery import build, discover
from vireid.models.trunks.osnet import AIN, IBN, NONE, OSNET_CHANNELS
from vireid.structures.sites import Site

MIXED = ("out", "none", "inout", "in", "none", "in")
OTHER = ("3x7-1", "5x9-2", "3x5-2", "7x9-1", "5x7-1", "3x9-2")


@pytest.mark.parametrize(
    ("trunk", "declared"),
    [
        (ResNet("resnet10", width=8), resnet_sites("resnet10", 8)),
        (ResNet("resnet18"), resnet_sites("resnet18")),
        (ResNet("resnet50"), resnet_sites("resnet50")),
        (OSNet("osnet_x0_25"), osnet_sites(OSNET_CHANNELS["x0_25"], "bn", NONE)),
        (OSNet("osnet_ibn_x1_0"), osnet_sites(OSNET_CHANNELS["x1_0"], "in", IBN)),
        (OSNet("osnet_ain_x0_5"), osnet_sites(OSNET_CHANNELS["x0_5"], "in", AIN)),
        (OSNet("osnet_ain_x0_25", list(MIXED)), osnet_sites(OSNET_CHANNELS["x0_25"], "in", MIXED)),
        (CDNet("cdnet_x1_0"), cdnet_sites(PUBLISHED["cdnet"], 1.0)),
        (CDNet("cdnet_x0_25", list(OTHER)), cdnet_sites(OTHER, 0.25)),
        (CDNet("cnet_x0_5"), cdnet_sites(PUBLISHED["cnet"], 0.5)),
    ],
    ids=lambda value: str(value) if isinstance(value, Trunk) else "declared",
)
def test_our_trunks_have_the_sites_that_were_declared(trunk: Trunk, declared: Any) -> None:
    assert list(discover(trunk).norms) == list(declared)


def described(trunk: Trunk, *names: str) -> list[tuple[int, str, str]]:
    found = {site.name: (site.stage, site.block, site.role) for site in discover(trunk).norms}
    return [found[name] for name in names]


def test_stages_blocks_and_roles_of_other_networks() -> None:
    """A stage ends where the map shrinks, a block is the nearest repeated container, a role is the end of the name."""
    assert described(Torchvision("efficientnet_b0"), "features.0.1", "features.3.0.block.1.1", "features.3.1.block.1.1") == [
        (0, "", "features.0.1"),
        (2, "features.3.0", "block.1.1"),
        (2, "features.3.1", "block.1.1"),
    ]
    assert described(Torchvision("resnet50"), "bn1", "layer2.0.bn1", "layer4.0.downsample.1") == [
        (0, "", "bn1"),
        (2, "layer2.0", "bn1"),  # the map shrinks inside this block, which ends in stage 2
        (4, "layer4.0", "downsample.1"),
    ]
    assert described(Torchvision("densenet121"), "features.denseblock2.denselayer3.norm1") == [
        (2, "features.denseblock2.denselayer3", "norm1")
    ]


def test_nothing_is_drawn_and_equal_settings_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.random.get_rng_state()
    first = discover(Torchvision("mnasnet0_5"))
    assert torch.equal(torch.random.get_rng_state(), state)
    monkeypatch.setattr(Torchvision, "build", None)  # would fail
    assert discover(Torchvision("mnasnet0_5")) is first


class Own(Trunk):
    """A trunk of whatever a test gives."""

    def __init__(self, case: str) -> None:
        self.case = case

    def build(self, weights: str | None = None) -> nn.Module:
        return NETWORKS[self.case]()


class Net(nn.Module):
    """A convolution, and then what the test says."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **layers: nn.Module) -> None:
        super().__init__()
        self.conv, self.run = nn.Conv2d(3, 4, 3, stride=2), run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, self.conv(x))


class Rescaled(nn.BatchNorm2d):
    """More than a batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Late(nn.Module):
    """Builds a layer when it first runs."""

    def __init__(self) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "conv"):
            self.conv = nn.Conv2d(3, 4, 1)
        return self.conv(self.bn(x))


def norms(**more: nn.Module) -> dict[str, nn.Module]:
    return {"bn": nn.BatchNorm2d(4), **more}


NETWORKS: dict[str, Callable[[], Any]] = {
    "no norm": lambda: nn.Conv2d(3, 4, 1),
    "other norms": lambda: nn.Sequential(nn.GroupNorm(1, 3), nn.InstanceNorm2d(3), nn.GroupNorm(3, 3)),
    "twice": lambda: Net(lambda m, x: m.bn(m.bn(x)), **norms()),
    "lazy": lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.BatchNorm2d(4)),
    "late": Late,
    "vector": lambda: Net(lambda m, x: m.bn(x).mean((2, 3)), **norms()),
    "rows": lambda: Net(lambda m, x: m.bn(x).flatten(0, 1)[:, None], **norms()),
    "several": lambda: Net(lambda m, x: (m.bn(x), x) if m.training else m.bn(x), **norms()),
    "subclass": lambda: Net(lambda m, x: m.other(m.bn(x)), **norms(other=Rescaled(4))),
    "size": lambda: Net(lambda m, x: m.bn(x).view(-1, 4, 7, 7), **norms()),
    "no module": lambda: nn.BatchNorm2d,
    "without weight": lambda: Net(lambda m, x: m.bn(x), bn=nn.BatchNorm2d(4, affine=False)),
    "folded rows": lambda: Net(lambda m, x: m.bn(x.view(-1, 4, 1, 63)).view_as(x), **norms()),
    "read, not called": lambda: Net(lambda m, x: m.bn(x) * m.other.weight.mean(), **norms(other=nn.BatchNorm2d(4))),
    "unused": lambda: Net(lambda m, x: m.free(m.bn(x)), **norms(other=nn.BatchNorm2d(4), free=nn.BatchNorm2d(4, affine=False))),
}


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no norm", "only BatchNorm2d can, and it has none at all"),
        ("other norms", "only BatchNorm2d can, and it has 2 GroupNorm, 1 InstanceNorm2d"),
        ("twice", r"uses normalisations more than once in a forward pass \(bn\)"),
        ("lazy", r"has lazy layers, .* \(0.weight, 0.bias\)"),
        ("late", r"builds layers while it runs \(conv\)"),
        ("vector", r"must give a feature map .* it gives \(2, 4\)"),
        ("rows", r"of 2 images it gives \(8, 1, 127, 63\)"),
        ("several", "must give one feature map .* in training too, got a tuple"),
        ("subclass", r"has subclasses of BatchNorm2d \(other, a Rescaled\)"),
        ("size", r"cannot take images of 256 x 128: .* set `image_size` to \[height, width\]"),
        ("no module", r"`build` of Own\(\) must give a torch.nn.Module, got type"),
        ("without weight", "none of its 1 BatchNorm2d has weight, bias and running statistics"),
        ("folded rows", "and an input with the rows of the batch"),
        ("read, not called", "cannot take images of 256 x 128: 'Identity' object has no attribute 'weight'"),
    ],
)
def test_networks_that_cannot_be_searched(case: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        discover(Own(case))


@pytest.mark.parametrize(
    ("trunk", "message"),
    [
        (lambda: Torchvision("vit_b_32", (224, 224)), "only BatchNorm2d can, and it has 25 LayerNorm"),
        (lambda: Torchvision("convnext_tiny"), "only BatchNorm2d can, and it has 18 LayerNorm, 4 LayerNorm2d"),
        (lambda: Timm("vit_tiny_patch16_224"), "only BatchNorm2d can, and it has 25 LayerNorm"),
        (lambda: Torchvision("googlenet"), "must give one feature map .* in training too, got a GoogLeNetOutputs"),
        (lambda: Torchvision("maxvit_t"), "cannot take images of 256 x 128: .* set `image_size`"),
        (lambda: Torchvision("resnet51"), "no classification network 'resnet51'; close names: resnet50"),
        (lambda: Timm("resnet51"), "timm has no network 'resnet51'; close names: .*resnet50"),
        (lambda: Timm("resnet18", {"nonsense": 1}), "timm cannot build resnet18 with `arguments` .*'nonsense'"),
        (lambda: Timm("resnet18", {"num_classes": 1}), "`arguments` may not set num_classes"),
        (lambda: Torchvision("resnet18", (3,)), r"`image_size` must be height and width in pixels, .* got \(3,\)"),
        (lambda: OSNet("osnet"), "`name` of an OSNet must be one of osnet_x1_0"),
        (lambda: CDNet("cdnet"), "`name` of a CDNet must be one of cdnet_x1_0"),
        (lambda: CDNet("cnet_x1_0", ["3x5"]), "`operations` of cnet_x1_0 must name 6 of 3x5, .*, got 3x5"),
    ],
)
def test_names_and_networks_that_are_refused(trunk: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        discover(trunk())


def test_what_is_never_called_is_dropped() -> None:
    facts, network = discover(Own("unused")), build(Own("unused"))
    assert ([site.name for site in facts.norms], facts.unused, facts.out_channels) == (["bn"], ("other",), 4)
    assert {name for name, _ in network.named_parameters()} == {"conv.weight", "conv.bias", "bn.weight", "bn.bias"}
    assert facts.parameters == sum(parameter.numel() for parameter in network.parameters())


class Described(Own):
    """Says what its sites are."""

    def stage(self, site: Site) -> int:
        return site.stage + 3

    def block(self, site: Site) -> str:
        return "mine"

    def role(self, site: Site) -> str:
        return site.role.upper()


def test_a_trunk_may_say_what_its_sites_are() -> None:
    assert discover(Described("unused")).norms == (Site("bn", (), 3, "BN", 4, block="mine"),)
