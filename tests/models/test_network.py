"""Backbone and network: what is told to the sites, what comes out."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from vireid.errors import SettingsError
from vireid.models import Backbone, ReIDNetwork, build_resnet, load_cmnas_state, to_cmnas_state
from vireid.nn import SeparateBatchNorm2d
from vireid.search import BNSeparation

SPACE = BNSeparation("resnet10", width=8)


def network(point: str = "all_separate", num_classes: int | None = 5, **options: object) -> ReIDNetwork:
    torch.manual_seed(0)
    return ReIDNetwork(SPACE.materialise(SPACE.baselines()[point]), num_classes, **options)  # type: ignore[arg-type]


def images(rows: int = 6) -> torch.Tensor:
    return torch.randn(rows, 3, 32, 16, generator=torch.Generator().manual_seed(1))


def test_backbone_tells_every_site_and_does_not_reset() -> None:
    backbone = network().backbone
    backbone(images(), 4)
    told = [module.n_visible for module in backbone.modules() if isinstance(module, SeparateBatchNorm2d)]
    assert told == [4] * len(SPACE.sites())
    assert backbone.out_channels == 64


def test_modalities_are_separate() -> None:
    net = network()
    for module in net.modules():
        if isinstance(module, SeparateBatchNorm2d):
            nn.init.uniform_(module.infrared.weight, 2, 3)
    net.eval()
    both = net.embed(images(), 2)
    torch.testing.assert_close(both[:2], net.embed(images()[:2], 2))
    torch.testing.assert_close(both[2:], net.embed(images()[2:], 0))
    assert not torch.allclose(both[2:], net.embed(images()[2:], 4))


def test_output() -> None:
    net = network()
    (out,) = net(images(), 3).branches
    assert [tuple(t.shape) for t in out[:3]] == [(6, 64), (6, 64), (6, 5)]
    assert net.classifier is not None
    torch.testing.assert_close(out.logits, out.embeddings @ net.classifier.weight.T)
    assert net.classifier.bias is None
    net.eval()
    assert torch.equal(net.embed(images(), 3), net(images(), 3).embeddings)
    torch.testing.assert_close(net(images(), 3).features, net.backbone(images(), 3).mean((2, 3)))


@pytest.mark.parametrize("none", [0, None])
def test_no_classifier(none: int | None) -> None:
    net = network(num_classes=none)
    assert net(images(), 3).logits is None
    assert net.named_parts()["classifier"] == []


def test_own_pooling_and_neck() -> None:
    net = network(pooling=nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()), neck=nn.Identity())
    out = net.eval()(images(), 3)
    assert torch.equal(out.features, out.embeddings)
    assert torch.equal(out.features, net.backbone(images(), 3).amax((2, 3)))


def test_parts_hold_every_parameter_once() -> None:
    net = network()
    parts = net.named_parts()
    assert list(parts) == ["trunk", "neck", "classifier"]
    held = [id(parameter) for part in parts.values() for parameter in part]
    assert sorted(held) == sorted(id(parameter) for parameter in net.parameters())
    assert [tuple(p.shape) for p in parts["neck"]] == [(64,), (64,)]
    assert [tuple(p.shape) for p in parts["classifier"]] == [(5, 64)]


def test_initial_classifier() -> None:
    net = network(num_classes=500)
    assert net.classifier is not None
    assert abs(float(net.classifier.weight.detach().std()) - 0.001) < 1e-4


def test_copy_tells_its_own_sites() -> None:
    net = network()
    net(images(), 4)
    other = copy.deepcopy(net)
    other(images(), 2)
    assert net.backbone.trunk.bn1.n_visible == 4  # type: ignore[union-attr]
    assert other.backbone.trunk.bn1.n_visible == 2  # type: ignore[union-attr]


def test_errors() -> None:
    for wrong in (-1, 7):
        with pytest.raises(ValueError, match=rf"`n_visible` must be 0 to 6 \(rows of the batch\), got {wrong}"):
            network()(images(), wrong)
    with pytest.raises(SettingsError, match="`num_classes` must be 0 or more, got -2"):
        network(num_classes=-2)


def test_out_channels_can_be_given() -> None:
    trunk = nn.Sequential(nn.Conv2d(3, 7, 3))
    assert Backbone(trunk, 7)(images(), 3).shape == (6, 7, 30, 14)
    assert Backbone(build_resnet("resnet10", width=8)).out_channels == 64


@pytest.mark.parametrize("point", ["all_shared", "all_separate", "stem_separate"])
def test_reference_state_round_trip(point: str) -> None:
    net, other = network(point), network(point)
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    state = {f"module.{name}": value for name, value in to_cmnas_state(net).items()}
    report = load_cmnas_state(other, state)
    assert report[:2] == ([], [])
    dead = {"all_shared": 2, "all_separate": 1}.get(point)  # batch norms of the reference's three that a decision leaves out
    assert dead is None or len(report.ignored) == dead * 5 * len(SPACE.sites())
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in other.state_dict().items())


def test_reference_state_reports_what_does_not_fit() -> None:
    net = network()
    state = to_cmnas_state(net)
    state["extra.weight"] = torch.zeros(1)
    del state["backbone.bn1.visible_bn.bias"]
    report = load_cmnas_state(net, state)
    assert report.missing == ["backbone.trunk.bn1.visible.bias"]
    assert report.unused == ["extra.weight"]
    with pytest.raises(ValueError, match=r"classifier.weight has shape \(3, 64\)"):
        load_cmnas_state(net, {**state, "classifier.weight": torch.zeros(3, 64)})
