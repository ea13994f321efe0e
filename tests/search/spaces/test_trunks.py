"""Spaces over any trunk."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.search.contract import seeded
from vireid.errors import GenotypeError, SettingsError
from vireid.models import CDNet, OSNet, ResNet, Timm, Torchvision, Trunk
from vireid.models.trunks.discovery import build
from vireid.search import BNSeparation, INPlacement, JointNorm, space_of
from vireid.structures import Genotype

TRUNKS = [
    ResNet("resnet18", width=16),
    ResNet("resnet50"),
    OSNet("osnet_x0_25"),
    OSNet("osnet_ain_x0_25"),
    CDNet("cnet_x0_25"),
    Torchvision("densenet121"),
    Torchvision("efficientnet_b0"),
    Torchvision("mobilenet_v3_small"),
    Torchvision("regnet_y_400mf"),
    Torchvision("resnet18"),
    Torchvision("shufflenet_v2_x0_5"),
    Timm("efficientnet_b0", {"drop_path_rate": 0.2}),
    Timm("repvgg_a0"),
    Timm("resnet50d"),
]


def drawn(network: nn.Module, *inputs: Any) -> Tensor:
    torch.manual_seed(3)  # dropout and stochastic depth
    found: Tensor = network(*inputs)
    return found


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
@torch.no_grad()
def test_all_sites_shared_are_the_untouched_network(trunk: Trunk) -> None:
    """In training and in evaluation, on mixed and on single-modality batches, as one layer and as the mixture that a search computes."""
    space = JointNorm(trunk, candidates=("shared_bn", "separate_bn", "in"))
    images = torch.randn(4, 3, 64, 32, generator=seeded(1), dtype=torch.float64)
    torch.manual_seed(0)
    plain = build(trunk).double()
    torch.manual_seed(0)
    supernet = space.supernet().double()
    shared = torch.zeros(len(space.sites()), 3)
    shared[:, 0] = 1
    for training in (True, False):
        reference = drawn(copy.deepcopy(plain).train(training), images)
        for n_visible, searching in ((2, False), (2, True), (4, True), (0, True)):
            network = copy.deepcopy(supernet).train(training)
            network.set_mixture(shared.clone().requires_grad_(searching))  # a search computes every candidate
            torch.testing.assert_close(drawn(network, images, n_visible), reference, rtol=0, atol=1e-5)


def searched(space: JointNorm) -> tuple[nn.Module, Tensor]:
    """Two steps of weights and logits: weights of norms that start at 0, as timm's do, hide their logits from the first."""
    torch.manual_seed(0)
    supernet = space.supernet().train()
    logits = torch.zeros(len(space.sites()), max(len(site.candidates) for site in space.sites()), requires_grad=True)
    optimiser = torch.optim.SGD([*supernet.parameters(), logits], lr=0.1)
    images = torch.randn(4, 3, 64, 32, generator=seeded(1))
    for _ in range(2):
        optimiser.zero_grad()
        supernet.set_mixture(logits.softmax(1))
        loss = supernet(images, 2).square().mean()
        loss.backward()
        optimiser.step()
        assert torch.isfinite(loss)
    return supernet, logits.detach()


@pytest.mark.parametrize("trunk", [*TRUNKS[5:8], *TRUNKS[-2:]], ids=str)
def test_other_networks_are_searched(trunk: Trunk) -> None:
    """Every logit moves, and the weights of the first layer; the child is the network that the genotype says."""
    space = JointNorm(trunk, candidates=("shared_bn", "separate_bn", "in"))
    torch.manual_seed(0)
    before = space.supernet().state_dict()
    supernet, logits = searched(space)
    assert all(row.abs().max() > 0 for row in logits)
    after = supernet.state_dict()
    first = next(name for name, _ in supernet.named_parameters())
    assert not torch.equal(before[first], after[first])
    point = space.sample(seeded(0))
    child = supernet.derive_child(point).eval()  # type: ignore[operator]
    again = space_of(point).materialise(point)
    again.load_state_dict(child.state_dict())
    images = torch.randn(2, 3, 64, 32, generator=seeded(2))
    with torch.no_grad():
        assert torch.equal(again.eval()(images, 1), child(images, 1))
    assert space.cost(point)["parameters"] == sum(parameter.numel() for parameter in child.parameters())


@pytest.mark.parametrize(
    ("name", "settings", "trunk"),
    [
        ("resnet18", {"width": 16, "last_stride": 2}, ResNet("resnet18", 2, 16)),
        ("resnet50", {}, ResNet("resnet50")),
        ("osnet_x0_25", {"last_stride": 1, "width": 64}, OSNet("osnet_x0_25")),  # as files of version 1 have it
        ("osnet_ain_x0_25:none,in,out,inout,none,in", {}, OSNet("osnet_ain_x0_25", ["none", "in", "out", "inout", "none", "in"])),
        ("osnet_ain_x0_25:in,in,none,in,in,none", {}, OSNet("osnet_ain_x0_25")),
        ("cnet_x0_25:3x5,5x7,3x5,3x5,7x9,3x5", {}, CDNet("cnet_x0_25", ["3x5", "5x7", "3x5", "3x5", "7x9", "3x5"])),
    ],
)
def test_a_short_name_and_its_trunk_are_one_space(name: str, settings: dict[str, int], trunk: Trunk) -> None:
    short, by_class = BNSeparation(name, **settings), BNSeparation(trunk)
    assert short.identity() == by_class.identity()
    old = Genotype(
        {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": name, **settings}}, short.baseline("random-0").choices
    )
    by_class.validate(old)
    assert space_of(old).identity() == by_class.identity()
    for genotype in (old, by_class.baseline("random-0")):
        short.validate(genotype)


def test_other_settings_of_the_same_trunk_are_another_space() -> None:
    genotype = BNSeparation("resnet10", width=8).baseline("all_shared")
    for space, message in (
        (BNSeparation("resnet10", width=16), "its `width` is 8, not 16"),
        (BNSeparation("resnet18", width=8), "its `backbone` is 'resnet10', not 'resnet18'"),
        (BNSeparation("osnet_x0_25"), r"its `backbone` is vireid.models.ResNet, not vireid.models.OSNet"),
    ):
        with pytest.raises(GenotypeError, match=message):
            space.validate(genotype)


@pytest.mark.parametrize(
    ("backbone", "settings", "message"),
    [
        ("resnet5", {}, r"got 'resnet5' \(did you mean 'resnet50'\?\). Other networks are chosen by class_path"),
        (ResNet("resnet10"), {"width": 8}, r"`width` goes with the short name .* Give it to the trunk ResNet\('resnet10'\) itself"),
        (ResNet, {}, "must be a vireid.models.Trunk or a short name, got the class ResNet: build it"),
        (nn.Identity(), {}, "must be a vireid.models.Trunk or a short name, got Identity"),
    ],
)
def test_backbones_that_are_none(backbone: Any, settings: dict[str, int], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        JointNorm(backbone, **settings)


def test_weights_by_default_are_the_trunks_own() -> None:
    assert JointNorm(Torchvision("efficientnet_b0")).named_weights("default") == "IMAGENET1K_V1"
    assert JointNorm(OSNet("osnet_x0_25")).named_weights("default") is None
    assert JointNorm("resnet50").named_weights("IMAGENET1K_V2") == "IMAGENET1K_V2"


class Squeezed(Trunk):
    """With a normalisation behind a pooling."""

    def build(self, weights: str | None = None) -> nn.Module:
        gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Sigmoid())
        return Gated(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), gate)


class Gated(nn.Module):
    def __init__(self, conv: nn.Module, bn: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.conv, self.bn, self.gate = conv, bn, gate

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x * self.gate(x)  # type: ignore[no-any-return]


def test_a_map_of_one_pixel_has_no_instance_to_normalise() -> None:
    with pytest.warns(UserWarning, match=r"Squeezed\(\): maps of 1 x 1 .*: gate.2 lose in, ibn, separate_ibn") as said:
        space = JointNorm(Squeezed())
    assert len(said) == 1
    assert {site.name: site.candidates for site in space.sites()}["gate.2"] == ("shared_bn", "separate_bn")
    with pytest.warns(UserWarning, match="lose in, ibn"):
        assert [site.name for site in INPlacement(Squeezed()).sites()] == ["bn"]  # nothing to choose behind the pooling
    with pytest.warns(UserWarning, match="lose in"), pytest.raises(SettingsError, match="No site has two candidates left"):
        JointNorm(Squeezed(), candidates=("shared_bn", "in"), sites=["gate.*"])
    assert len(BNSeparation(Squeezed()).sites()) == 2
    assert all(row.abs().max() > 0 for row in searched(space)[1])


class Fickle(Trunk):
    """Another network each time."""

    built = 0

    def build(self, weights: str | None = None) -> nn.Module:
        Fickle.built += 1
        return nn.Sequential(*[nn.Conv2d(3, 3, 1)] * Fickle.built, nn.BatchNorm2d(3))


def test_a_trunk_that_changes_is_refused() -> None:
    with pytest.raises(SettingsError, match="'1' must be a BatchNorm2d to become a choice, it is a Conv2d"):
        BNSeparation(Fickle()).supernet()
