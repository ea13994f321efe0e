"""Published OSNet networks: features, stages, logits, counts, and both families of checkpoint names."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.golden.osnet import entry
from tests.golden.osnet_checks import Stages, close, conv_bias, golden, network_input
from vireid.errors import CheckpointError, MissingFileError, SettingsError
from vireid.models import OSNETS, Backbone, OSNetTrunk, ReIDNetwork, build_osnet, build_resnet_ibn, count, load_osnet_state
from vireid.models.published.osnet import current_name
from vireid.nn import FullyConnectedNeck

DATA = golden("osnet_nets")
AIN_STAGES = ("conv1", "maxpool", "conv2", "pool2", "conv3", "pool3", "conv4", "conv5")
OSNET_STAGES = ("conv1", "maxpool", "pool2", "pool3", "conv4", "conv5")  # the last element of stages 2 and 3 is their transition
FULL_SIZE = [(name, 256, 128) for name in ("osnet_x1_0", "osnet_ibn_x1_0", "osnet_ain_x1_0")]
SMALL = ("osnet_x1_0", "osnet_x0_25", "osnet_ibn_x1_0", "osnet_ain_x1_0", "osnet_ain_x0_25", "osnet_ain_x0_5")


def network(name: str, num_classes: int | None = None) -> ReIDNetwork:
    backbone = Backbone(build_osnet(name))
    return ReIDNetwork(backbone, num_classes, neck=FullyConnectedNeck(backbone.out_channels))


def letters(name: str) -> str:
    """Published OSNet name of an OSNet-AIN name, written apart from the package's own translation."""
    name = re.sub(r"^pool([23])\.", r"conv\1.2.", name)
    stream = re.match(r"^(conv\d\.\d)\.conv2\.(\d)\.layers\.(\d)\.(.*)$", name)
    if stream is None:
        return name
    layer = "" if stream[2] == "0" else f"{stream[3]}."
    return f"{stream[1]}.conv2{'abcd'[int(stream[2])]}.{layer}{stream[4]}"


def published(made: ReIDNetwork, name: Callable[[str], str]) -> dict[str, Tensor]:
    """Formula state dict with published names, from the shapes of our network."""
    biased = {f"{part}.bias" for part, module in made.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))}
    state = {}
    for mine, value in made.state_dict().items():
        theirs = name(re.sub(r"^(backbone\.trunk|neck)\.", "", mine))
        if mine.endswith("num_batches_tracked"):
            state[theirs] = torch.tensor(0)
        else:
            state[theirs] = (conv_bias if mine in biased else entry)(theirs, tuple(value.shape))
    return state


def loaded(name: str, num_classes: int | None = None) -> ReIDNetwork:
    made = network(name, num_classes).double()
    family = str if "ain" in name else letters
    assert load_osnet_state(made, published(made, family))[:2] == ([], [])
    return made


@pytest.mark.parametrize(("name", "height", "width"), [*FULL_SIZE, *((name, 64, 32) for name in SMALL)])
def test_features_and_stages(name: str, height: int, width: int) -> None:
    made = loaded(name).eval()
    stages = Stages(made.backbone.trunk, AIN_STAGES if "ain" in name else OSNET_STAGES)
    with torch.no_grad():
        output = made(network_input(f"input.{height}x{width}", 2, 3, height, width), 2)
    stem = f"{name}_{height}x{width}"
    assert (stages.shapes() == DATA[f"{stem}_stage_shapes"]).all()
    close(stages.stats(), DATA[f"{stem}_stage_stats"])
    close(output.features, DATA[f"{stem}_pooled"])
    close(output.embeddings, DATA[f"{stem}_feat"])
    assert float(output.embeddings.min()) == 0.0


@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ain_x0_25"])
def test_training_logits(name: str) -> None:
    output = loaded(name, 10).train()(network_input("input.train", 6, 3, 64, 32), 6)
    close(output.logits, DATA[f"{name}_train_logits"])


@pytest.mark.parametrize("name", [name for name in golden("osnet_counts")["names"].tolist() if name != "osnet_nas"])  # see tests/search
def test_counts(name: str) -> None:
    data = golden("osnet_counts")
    values = data["values"][data["names"].tolist().index(name)].tolist()
    made = network(name) if name in OSNETS else nn.Sequential(build_resnet_ibn("resnet50", name[-1], last_stride=2))  # type: ignore[arg-type]
    for (height, width), multiply_adds in zip(data["inputs"].tolist(), values[2:], strict=True):
        images = torch.zeros(1, 3, height, width)
        found = count(made, images, 1) if name in OSNETS else count(made, images)
        assert list(found) == [*values[:2], multiply_adds]


def test_counting_leaves_modes_and_hooks() -> None:
    made = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    made[1].eval()
    assert count(made, torch.zeros(1, 3, 2, 2)).multiply_adds == (3 + 1) * 4 * 4
    assert [part.training for part in made.modules()] == [True, True, False]
    assert not any(part._forward_hooks for part in made.modules())


def test_unmatched_keys_of_both_sides_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = {f"module.{name}": value.float() for name, value in published(network("osnet_x0_25", 10), letters).items()}
    del state["module.conv2.0.conv2b.1.bn.weight"]
    state["module.surplus"] = torch.zeros(1)
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "osnet.pth")
    with caplog.at_level(logging.WARNING):
        trunk = build_osnet("osnet_x0_25", tmp_path / "osnet.pth")
    assert "1 entries of the network keep their values: conv2.0.conv2.1.layers.1.bn.weight" in caplog.text
    assert "entries of the file are not used" in caplog.text
    assert torch.equal(trunk.pool2[0].conv.weight, state["module.conv2.2.0.conv.weight"])
    whole = load_osnet_state(network("osnet_x0_25", 7), state)
    assert whole.missing == ["backbone.trunk.conv2.0.conv2.1.layers.1.bn.weight", "classifier.weight", "classifier.bias"]
    assert whole.unused == ["module.classifier.weight", "module.classifier.bias", "module.surplus"]


def test_names_of_both_families_lead_to_one() -> None:
    for name in network("osnet_x0_25").backbone.trunk.state_dict():
        assert current_name(letters(name)) == current_name(name) == name


def test_files_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no file of weights .*none\.pth"):
        build_osnet("osnet_x0_25", tmp_path / "none.pth")
    (tmp_path / "damaged.pth").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"damaged\.pth' is damaged, or no file of torch"):
        build_osnet("osnet_x0_25", tmp_path / "damaged.pth")
    torch.save({"conv1": "text"}, tmp_path / "text.pth")
    with pytest.raises(CheckpointError, match="holds no state dict"):
        build_osnet("osnet_x0_25", tmp_path / "text.pth")
    torch.save({"other.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(SettingsError, match=r"No entry of .*other\.weight"):
        build_osnet("osnet_x0_25", tmp_path / "other.pth")


def test_networks_that_do_not_exist() -> None:
    with pytest.raises(SettingsError, match=r"one of osnet_x1_0.*got 'osnet_x2_0'"):
        build_osnet("osnet_x2_0")
    with pytest.raises(SettingsError, match="for each of 6 blocks"):
        OSNetTrunk((16, 64, 96, 128), ("none",) * 5)
    with pytest.raises(SettingsError, match=r"`stem` must be one of bn, in, got 'ln'"):
        OSNetTrunk((16, 64, 96, 128), stem="ln")


def test_initial_weights_are_kaiming_by_fan_out() -> None:
    torch.manual_seed(0)
    trunk = build_osnet("osnet_x1_0")
    depthwise = torch.cat([stream.layers[-1].conv2.weight.flatten() for stream in trunk.conv4[1].conv2]).detach()
    assert float(depthwise.std()) == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.05)  # 4,608 values: 1 % standard error
    assert float(trunk.conv5.conv.weight.detach().std()) == pytest.approx((2 / 512) ** 0.5, rel=0.01)
    assert not trunk.conv2[0].gate.fc1.bias.any()


def test_dropout_of_the_fully_connected_neck() -> None:
    neck = FullyConnectedNeck(8, 64, dropout=0.5)
    features = torch.rand(16, 8)
    dropped = neck(features) == 0
    assert 0.6 < float(dropped.float().mean()) < 0.9  # half of the half that ReLU leaves
    assert not torch.equal(neck(features), neck(features))
    with pytest.raises(ValueError, match=r"`dropout` must lie in \[0, 1\), got 1"):
        FullyConnectedNeck(8, 64, dropout=1.0)
