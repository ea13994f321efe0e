"""Graphs after any stage, per modality or shared, and what they give to the losses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.models import (
    Backbone,
    BNNeckHead,
    ChannelGraphs,
    GlobalLocalGraphs,
    MixtureAttention,
    PositionGraphs,
    TrunkPart,
    TwoStreams,
    build_resnet,
    with_parts,
)
from vireid.nn import ChannelGraph
from vireid.search import BNSeparation
from vireid.settings import instantiate, settings_of

SPACE = BNSeparation("resnet10", width=16)
PARTS = (ChannelGraphs("layer1", True), PositionGraphs("layer2"), GlobalLocalGraphs("layer3"), MixtureAttention("layer4", 2, 4, 4, 2))
NAMES = ("layer1.channel_graph", "layer2.position_graph", "layer3.reasoning", "layer4.mixture_attention")


def backbone(*parts: TrunkPart) -> Backbone:
    torch.manual_seed(0)
    return with_parts(SPACE.materialise(SPACE.baselines()["all_shared"]), parts)


def images(rows: int = 6) -> Tensor:
    return torch.randn(rows, 3, 64, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("part", "name"), list(zip(PARTS, NAMES, strict=True)))
def test_shared_or_of_each_modality(part: TrunkPart, name: str) -> None:
    stage, layer = name.split(".")
    shared, own = backbone(TwoStreams("maxpool"), part), backbone(part, TwoStreams(stage))
    assert shared.trunk.get_submodule(name)
    for stream in ("visible", "infrared"):
        assert own.trunk.get_submodule(f"{stage}.{stream}.{layer}")
    with pytest.raises(SettingsError, match=f"no .*{stage}"):
        backbone(TwoStreams(stage), part)


@pytest.mark.parametrize("part", PARTS[:3])
def test_pretrained_trunks_start_as_they_are(part: TrunkPart) -> None:
    torch.testing.assert_close(backbone(part).eval()(images(), 2), backbone().eval()(images(), 2))


@pytest.mark.parametrize("part", [*PARTS, GlobalLocalGraphs("layer2", "triple"), ChannelGraphs(report_name="a", only_in_evaluation=True)])
def test_settings_rebuild_a_part(part: TrunkPart) -> None:
    again = instantiate(settings_of(part))
    assert settings_of(again) == settings_of(part)
    filled, other = backbone(part), backbone(again)
    with torch.no_grad():
        for name, parameter in filled.named_parameters():
            parameter.add_(0.05 * ("gamma" in name))
    other.load_state_dict(filled.state_dict())
    torch.testing.assert_close(other.eval()(images(), 3), filled.eval()(images(), 3), rtol=0, atol=0)


@pytest.mark.parametrize("parts", [(ChannelGraphs("layer1"), TwoStreams("layer1")), (TwoStreams("maxpool"), ChannelGraphs("layer1"))])
def test_attention_of_each_row_reaches_the_losses(parts: tuple[TrunkPart, ...]) -> None:
    network = BNNeckHead().build(backbone(*parts), 5).train()
    extras = network(images(), 2).branches[0].extras
    assert set(extras) == {"channel_attention"}
    attention = extras["channel_attention"]
    assert attention.shape == (6, 16, 16)
    torch.testing.assert_close(attention.sum(2), torch.ones(6, 16))
    attention.square().sum().backward()
    layers = [layer for layer in network.modules() if isinstance(layer, ChannelGraph)]
    assert [layer.report for layer in layers] == [None] * len(layers)  # the layer keeps no graph alive
    assert network(images(), 2).branches[0].extras["channel_attention"].requires_grad
    assert network.eval()(images(), 2).branches[0].extras is None


def test_graphs_of_several_stages_have_names_of_their_own() -> None:
    parts = (ChannelGraphs("layer1"), ChannelGraphs("layer2", report_name="second"))
    extras = BNNeckHead().build(backbone(*parts), 5).train()(images(), 2).branches[0].extras
    assert {name: value.shape for name, value in extras.items()} == {"channel_attention": (6, 16, 16), "second": (6, 32, 32)}


def test_narrow_maps_have_no_position_graph() -> None:
    narrow = BNSeparation("resnet10", width=8)
    for part in (PositionGraphs("layer1"), GlobalLocalGraphs("layer1")):
        with pytest.raises(SettingsError, match="at least 16 channels, got 8"):
            with_parts(narrow.materialise(narrow.baselines()["all_shared"]), [part])


def test_two_graphs_report_under_two_names() -> None:
    trunk = build_resnet("resnet10", width=8)
    ChannelGraphs("layer1").attach(trunk)
    with pytest.raises(SettingsError, match="reports as `channel_attention` already"):
        ChannelGraphs("layer2").attach(trunk)
    ChannelGraphs("layer2", report_name="deeper").attach(trunk)
