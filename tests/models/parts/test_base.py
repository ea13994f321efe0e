"""Parts attached to a trunk: streams per modality, inserted layers, and what layers report to the losses."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models import Backbone, BNNeckHead, CDNetTrunk, ReIDNetwork, TrunkPart, TwoStreams, build_resnet, insert_after, with_parts
from vireid.nn import GlobalAveragePooling, PerModality, Reporting, SeparateBatchNorm2d
from vireid.search import BNSeparation

SPACE = BNSeparation("resnet10", width=8)


def backbone(point: str = "all_shared") -> Backbone:
    torch.manual_seed(0)
    return SPACE.materialise(SPACE.baselines()[point])


def images(rows: int = 6) -> Tensor:
    return torch.randn(rows, 3, 32, 16, generator=torch.Generator().manual_seed(1))


class Scale(Reporting):
    """Doubles, and reports each row's mean."""

    def __init__(self) -> None:
        super().__init__("means")

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.report = x.mean((1, 2, 3))
        return 2 * x


class Doubled(TrunkPart):
    def __init__(self, place: str) -> None:
        self.place = place

    def attach(self, trunk: nn.Module) -> None:
        insert_after(trunk, self.place, "scale", Scale())


@pytest.mark.parametrize("until", ["maxpool", "layer1", "layer4"])
@pytest.mark.parametrize("point", ["all_shared", "all_separate"])
def test_streams_start_equal_and_see_only_their_rows(until: str, point: str) -> None:
    plain = backbone(point).eval()
    streams = with_parts(backbone(point), [TwoStreams(until)]).eval()
    for n_visible in (0, 2, 6):
        torch.testing.assert_close(streams(images(), n_visible), plain(images(), n_visible))
    before = streams(images(), 2)
    with torch.no_grad():
        streams.trunk.get_submodule("conv1.infrared").weight.mul_(2)
    after = streams(images(), 2)
    assert torch.equal(before[:2], after[:2])
    assert not torch.allclose(before[2:], after[2:])


def test_training_statistics_of_streams_are_those_of_separate_batch_norms() -> None:
    separate, streams = backbone("all_separate").train(), with_parts(backbone(), [TwoStreams("layer4")]).train()
    out = separate(images(), 2)
    torch.testing.assert_close(streams(images(), 2), out)
    for half in ("visible", "infrared"):
        expected = separate.trunk.get_submodule(f"layer2.0.bn1.{half}").running_mean
        torch.testing.assert_close(streams.trunk.get_submodule(f"layer2.{half}.0.bn1").running_mean, expected)


@pytest.mark.parametrize("point", ["all_shared", "all_separate"])
def test_a_batch_norm_in_streams_is_a_separate_one_with_the_names_of_two_copies(point: str) -> None:
    layer = with_parts(backbone(point), [TwoStreams("maxpool")]).trunk.get_submodule("bn1")
    assert isinstance(layer, SeparateBatchNorm2d)
    assert list(layer.state_dict()) == list(PerModality(nn.BatchNorm2d(8)).state_dict())


def test_a_batch_norm_of_ones_own_is_copied_whole_into_streams() -> None:
    class Own(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    trunk = nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 4, 3), bn1=Own(4))).eval()
    streams = with_parts(Backbone(copy.deepcopy(trunk), 4), [TwoStreams("bn1")])
    assert isinstance(streams.trunk.get_submodule("bn1"), PerModality)
    torch.testing.assert_close(streams(images(), 2), trunk(images()))


def test_every_parameter_of_streams_over_a_separated_child_learns() -> None:
    streams = with_parts(backbone("all_separate"), [TwoStreams("layer1")])
    streams(images(), 3).sum().backward()
    assert all(parameter.grad is not None for parameter in streams.parameters())


def test_streams_know_the_number_of_visible_rows() -> None:
    with pytest.raises(SettingsError, match="PerModality"):
        PerModality(nn.BatchNorm2d(3))(images())


def test_streams_end_at_a_child_of_the_trunk() -> None:
    with pytest.raises(SettingsError, match="one of conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4; got 'stem'"):
        with_parts(backbone(), [TwoStreams("stem")])


def test_streams_are_made_once() -> None:
    with pytest.raises(SettingsError, match="`conv1` has a stream per modality already"):
        with_parts(backbone(), [TwoStreams("maxpool"), TwoStreams("layer1")])


def test_streams_end_before_the_maps_of_several_depths() -> None:
    trunk = CDNetTrunk([(3, 5)] * 6, planes=(8, 16, 16, 16))
    with pytest.raises(SettingsError, match="CDNetTrunk gives maps from inside `cells`"):
        TwoStreams("cells").attach(trunk)


@pytest.mark.parametrize("place", ["cells.1", "cells.4", "cells"])
def test_maps_of_several_depths_stay_where_they_were(place: str) -> None:
    trunk = CDNetTrunk([(3, 5)] * 6, planes=(8, 16, 16, 16)).eval()
    x = torch.randn(2, 3, 64, 32)
    before = [tuple(level.shape) for level in trunk.maps(x)]
    Doubled(place).attach(trunk)
    assert [tuple(level.shape) for level in trunk.maps(x)] == before
    torch.testing.assert_close(trunk.maps(x)[-1], trunk(x))


def test_parts_after_one_block_follow_one_another() -> None:
    trunk = build_resnet("resnet18", width=8)
    insert_after(trunk, "layer2.0", "first", nn.Identity())
    insert_after(trunk, "layer2.0", "second", nn.Identity())
    assert [name for name, _ in trunk.layer2.named_children()] == ["0", "0_first", "0_second", "1"]


def test_reports_of_a_batch_that_nobody_asked_about_are_dropped() -> None:
    net = ReIDNetwork(with_parts(backbone(), [Doubled("layer1")]), 5)
    net.train().embed(images(), 2)
    assert net.eval()(images(), 2).branches[0].extras is None


def test_no_parts_is_the_backbone_itself() -> None:
    plain = backbone()
    assert with_parts(plain, []) is plain


@pytest.mark.parametrize(("place", "name"), [("layer2", "layer2.scale"), ("layer2.0", "layer2.0_scale")])
def test_insertion_renames_nothing(place: str, name: str) -> None:
    trunk = build_resnet("resnet18", width=8)
    before = list(trunk.state_dict())
    blocks = [trunk.layer2[0], trunk.layer2[1]]
    with_parts(Backbone(trunk), [Doubled(place)])
    assert list(trunk.state_dict()) == before
    assert isinstance(trunk.get_submodule(name), Scale)
    x = torch.randn(2, 8, 8, 4)
    scales = (2, 1) if place == "layer2.0" else (1, 2)
    trunk.eval()
    torch.testing.assert_close(trunk.layer2(x), scales[1] * blocks[1](scales[0] * blocks[0](x)))


def test_places_that_are_not_there() -> None:
    for place in ("layer9", "layer1.7", "conv1"):
        with pytest.raises(SettingsError, match=f"no place '{place}'.*layer1, layer1.0, layer2"):
            with_parts(backbone(), [Doubled(place)])
    with pytest.raises(SettingsError, match=r"layer1.scale already"):
        with_parts(backbone(), [Doubled("layer1"), Doubled("layer1")])


def test_reports_reach_the_losses_in_the_order_of_rows() -> None:
    parts = [Doubled("layer1"), TwoStreams("layer1")]
    net = ReIDNetwork(with_parts(backbone(), parts), 5)
    out = net.train()(images(), 2)
    assert out.branches[0].extras is not None
    means = out.branches[0].extras["means"]
    assert means.shape == (6,)
    assert means.requires_grad
    stream = net.backbone.trunk.get_submodule("layer1.visible")
    assert isinstance(stream[-1], Scale)  # type: ignore[index]  # a Sequential
    assert stream[-1].report is None  # type: ignore[index]
    assert net.eval()(images(), 2).branches[0].extras is None
    assert ReIDNetwork(backbone(), 5)(images(), 2).branches[0].extras is None


def test_a_head_chooses_the_pooling() -> None:
    class Doubling(GlobalAveragePooling):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    plain, doubled = BNNeckHead().build(backbone(), 5).eval(), BNNeckHead(Doubling(), dropout=0.5).build(backbone(), 5).eval()
    torch.testing.assert_close(doubled(images(), 3).features, 2 * plain(images(), 3).features)
    assert doubled.neck.dropout.p == 0.5  # type: ignore[union-attr]
