"""The published ResNet-50 network of CGRNet, as released and with its commented lines; loading its states."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.golden.cgrnet import close, entry, golden, uniform
from vireid.models import Backbone, BNNeckHead, ChannelGraphs, GlobalLocalGraphs, ReIDNetwork, TwoStreams, build_resnet, load_cgrnet_state
from vireid.models.parts.base import TrunkPart, with_parts
from vireid.models.published.cgrnet import cgrnet_name

DATA = golden("cgrnet_resnet50")


def network(mode: str) -> ReIDNetwork:
    parts: list[TrunkPart] = [ChannelGraphs("layer1", only_in_evaluation=mode == "released"), TwoStreams("layer1")]
    if mode == "full":
        parts.append(GlobalLocalGraphs("layer2", residual="triple"))
    return BNNeckHead().build(with_parts(Backbone(build_resnet("resnet50")), parts), 10)


def published_state(ours: ReIDNetwork) -> dict[str, Tensor]:
    names = {cgrnet_name(name): value.shape for name, value in ours.state_dict().items()}
    return {name: entry(name, shape) for name, shape in names.items()}


@pytest.mark.parametrize("mode", ["released", "full"])
def test_features_of_both_streams(mode: str) -> None:
    ours = network(mode).double().eval()
    assert load_cgrnet_state(ours, published_state(ours)) == ([], [], [])
    images = uniform("r50.eval", (2, 3, 64, 32), 1.5)
    with torch.no_grad():
        for stream, n_visible in (("visible", 2), ("thermal", 0)):
            output = ours(images, n_visible)
            close(normalize(output.features), DATA[f"{mode}_{stream}_pool_l2"])
            close(normalize(output.embeddings), DATA[f"{mode}_{stream}_bn_l2"])


def test_parameters_that_train_as_released() -> None:
    ours = network("released")
    trained = sum(parameter.numel() for parameter in ours.parameters() if parameter.requires_grad)
    neck_bias = 2048  # counted there although it is frozen
    assert trained + neck_bias == DATA["param_count_used_released_10cls"]
    full = sum(parameter.numel() for parameter in network("full").parameters())
    assert full == DATA["param_count_used_released_10cls"] + 2 + 3 * 295_489


def test_layers_that_never_run_are_ignored_and_others_reported() -> None:
    ours = network("released")
    state = {f"module.{name}": value for name, value in published_state(ours).items()}
    dead = ["visible_module.visible.layer3.0.bn1.weight", "base_resnet.base.fc.bias", "common_block.base.conv1.weight"]
    extra = {name: torch.zeros(1) for name in (*dead, "local2local.gamma")}
    del state["module.classifier.weight"]
    assert load_cgrnet_state(ours, {**state, **extra}) == (["classifier.weight"], ["local2local.gamma"], dead)
    with pytest.raises(
        ValueError, match=r"cam2.gamma has shape \(2,\), but backbone.trunk.layer1.infrared.channel_graph.gamma needs \(1,\)"
    ):
        load_cgrnet_state(ours, {"cam2.gamma": torch.zeros(2)})
