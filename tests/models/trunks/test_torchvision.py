"""Networks of torchvision up to their pooling."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from vireid.errors import SettingsError
from vireid.models import Torchvision
from vireid.models.trunks.torchvision import before_pooling

IMAGES = torch.rand(3, 3, 64, 32, generator=torch.Generator().manual_seed(0))


def pooled(network: nn.Module, map_: Tensor) -> Tensor:
    return network.classifier(network.avgpool(map_).flatten(1))  # type: ignore[operator,no-any-return,union-attr]


def averaged(network: nn.Module, map_: Tensor) -> Tensor:
    return network.classifier(nn.functional.adaptive_avg_pool2d(map_, (1, 1)).flatten(1))  # type: ignore[operator,no-any-return]


def fully_connected(network: nn.Module, map_: Tensor) -> Tensor:
    return network.fc(network.avgpool(map_).flatten(1))  # type: ignore[operator,no-any-return,union-attr]


REST: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "densenet121": averaged,
    "efficientnet_b0": pooled,
    "mnasnet0_5": lambda network, map_: network.classifier(map_.mean([2, 3])),  # type: ignore[operator,no-any-return]
    "mobilenet_v2": averaged,
    "mobilenet_v3_small": pooled,
    "regnet_y_400mf": fully_connected,
    "resnet18": fully_connected,
    "resnext50_32x4d": fully_connected,
    "shufflenet_v2_x0_5": lambda network, map_: network.fc(map_.mean([2, 3])),  # type: ignore[operator,no-any-return]
    "vgg11_bn": pooled,
}
"""What the network itself does with its map, written down by hand from torchvision's code."""


@pytest.mark.parametrize("name", REST)
@torch.no_grad()
def test_the_map_is_the_one_that_the_network_pools(name: str) -> None:
    network = get_model(name, weights=None).eval()
    trunk = before_pooling(copy.deepcopy(network)).eval()
    map_ = trunk(IMAGES)
    assert map_.dim() == 4
    assert torch.equal(REST[name](network, map_), network(IMAGES))
    assert set(trunk.state_dict()) < set(network.state_dict())


def test_weights_by_file(tmp_path: Path) -> None:
    torch.save(get_model("mobilenet_v3_small", weights=None).state_dict(), tmp_path / "weights.pth")
    state, file = Torchvision("mobilenet_v3_small").build(str(tmp_path / "weights.pth")).state_dict(), torch.load(tmp_path / "weights.pth")
    assert all(torch.equal(value, file[name]) for name, value in state.items())
    with pytest.raises(SettingsError, match=r"(?s)weights.pth do not fit mnasnet0_5:.* lacking: layers.0.weight"):
        Torchvision("mnasnet0_5").build(str(tmp_path / "weights.pth"))


def test_published_names_of_dense_layers(tmp_path: Path) -> None:
    network = get_model("densenet121", weights=None)
    published = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", name): value for name, value in network.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in published
    torch.save(published, tmp_path / "weights.pth")
    state, expected = Torchvision("densenet121").build(str(tmp_path / "weights.pth")).state_dict(), network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in state.items())


def test_weights_by_name() -> None:
    assert Torchvision("efficientnet_b0").own_weights == "IMAGENET1K_V1"
    with pytest.raises(SettingsError, match=r"must be default \(for its own\), IMAGENET1K_V1, a file or null, got 'imagenet'"):
        Torchvision("efficientnet_b0").build("imagenet")
