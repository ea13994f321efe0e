"""Non-local blocks in trunks of several kinds."""

from __future__ import annotations

import pytest
import torch

from vireid.errors import SettingsError
from vireid.models import Backbone, NonLocalBlocks, TwoStreams, build_osnet, build_resnet, with_parts
from vireid.nn import NonLocal
from vireid.settings import instantiate, settings_of

IMAGES = torch.randn(4, 3, 32, 16, generator=torch.Generator().manual_seed(0))


def blocks(backbone: Backbone) -> dict[str, NonLocal]:
    return {name: module for name, module in backbone.trunk.named_modules() if isinstance(module, NonLocal)}


@pytest.mark.parametrize(
    ("depth", "places"),
    [
        ("resnet50", ["layer2.2", "layer2.3", "layer3.3", "layer3.4", "layer3.5"]),
        ("resnet101", ["layer2.2", "layer2.3", "layer3.20", "layer3.21", "layer3.22"]),
        ("resnet18", ["layer2.0", "layer2.1", "layer3.0", "layer3.1"]),
        ("resnet10", ["layer2.0", "layer3.0"]),
    ],
)
def test_places_by_default(depth: str, places: list[str]) -> None:
    found = blocks(with_parts(Backbone(build_resnet(depth)), [NonLocalBlocks()]))
    assert list(found) == [f"{place}_non_local" for place in places]
    wide = 4 if depth in ("resnet50", "resnet101") else 1
    for name, block in found.items():
        channels = wide * {"layer2": 128, "layer3": 256}[name.partition(".")[0]]
        assert (block.norm.num_features, block.theta.out_channels) == (channels, channels // 2)


@pytest.mark.parametrize("order", [1, -1])
def test_blocks_leave_an_untrained_trunk_as_it_is(order: int) -> None:
    plain = Backbone(build_resnet("resnet18", width=8)).eval()
    trunk = build_resnet("resnet18", width=8)
    trunk.load_state_dict(plain.trunk.state_dict())
    parts = [TwoStreams("layer1"), NonLocalBlocks(["layer2", "layer3.1", "layer4.0"], inner_channels=1)][::order]
    attended = with_parts(Backbone(trunk), parts).eval()
    assert list(blocks(attended)) == ["layer2.non_local", "layer3.1_non_local", "layer4.0_non_local"]
    assert all(block.theta.out_channels == 1 for block in blocks(attended).values())
    torch.testing.assert_close(attended(IMAGES, 1), plain(IMAGES, 1), rtol=0, atol=1e-5)
    with torch.no_grad():
        blocks(attended)["layer2.non_local"].norm.bias.add_(1.0)
    assert (attended(IMAGES, 1) - plain(IMAGES, 1)).abs().max() > 1e-2


def test_streams_may_have_blocks_of_their_own() -> None:
    parts = [NonLocalBlocks(["layer1.0"]), TwoStreams("layer1")]
    found = blocks(with_parts(Backbone(build_resnet("resnet10", width=8)), parts))
    assert list(found) == ["layer1.visible.0_non_local", "layer1.infrared.0_non_local"]


def test_a_trunk_of_another_kind() -> None:
    found = blocks(with_parts(Backbone(build_osnet("osnet_x0_25")), [NonLocalBlocks(["conv3", "conv4.0"])]))
    assert {name: block.norm.num_features for name, block in found.items()} == {"conv3.non_local": 96, "conv4.0_non_local": 128}


def test_settings_rebuild_it() -> None:
    again = instantiate(settings_of(NonLocalBlocks(["layer2"], 1)))
    assert (again.places, again.inner_channels) == (("layer2",), 1)
    with pytest.raises(SettingsError, match="`inner_channels` must be half or at least 1, got 0"):
        NonLocalBlocks(inner_channels=0)


def test_places_that_are_not_there() -> None:
    with pytest.raises(SettingsError, match=r"no stage or block 'layer2\.9' with a convolution.*layer1, layer2, layer3, layer4"):
        with_parts(Backbone(build_resnet("resnet10", width=8)), [NonLocalBlocks(["layer2.9"])])
    with pytest.raises(SettingsError, match="no place 'conv1' in this trunk"):
        with_parts(Backbone(build_resnet("resnet10", width=8)), [NonLocalBlocks(["conv1"])])
    with pytest.raises(SettingsError, match="OSNetTrunk has no stage layer2; name the `places`"):
        with_parts(Backbone(build_osnet("osnet_x0_25")), [NonLocalBlocks()])
