"""IBN-Net's ResNet-50, a and b, against the published code's numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.resnet import Bottleneck

from tests.golden.osnet_checks import Stages, close, fill, golden, network_input
from vireid.errors import SettingsError
from vireid.models import build_resnet, build_resnet_ibn
from vireid.models.trunks.resnet_ibn import InstanceBottleneck
from vireid.nn import InstanceBatchNorm2d

DATA = golden("resnet50_ibn")
STAGES = ("conv1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")  # the file's "bn1" is after its ReLU


@pytest.mark.parametrize(("height", "width"), [(256, 128), (64, 32)])
@pytest.mark.parametrize("variant", ["a", "b"])
def test_features_and_stages(variant: str, height: int, width: int) -> None:
    trunk = fill(build_resnet_ibn("resnet50", variant, last_stride=2)).eval()  # type: ignore[arg-type]
    stages = Stages(trunk, STAGES)
    with torch.no_grad():
        feature = trunk(network_input(f"input.{height}x{width}", 2, 3, height, width)).mean((2, 3))
    stem = f"resnet50_ibn_{variant}_{height}x{width}"
    assert (stages.shapes() == DATA[f"{stem}_stage_shapes"]).all()
    close(stages.stats(), DATA[f"{stem}_stage_stats"])
    close(feature, DATA[f"{stem}_feat"])


def test_instance_batch_norm() -> None:
    layer = fill(InstanceBatchNorm2d.from_batch_norm(nn.BatchNorm2d(10)), lambda name: f"ibn.{name}")
    x = torch.from_numpy(DATA["ibn_x"])
    close(layer.train()(x), DATA["ibn_train"])
    close(layer.BN.running_mean, DATA["ibn_rm"])
    close(layer.BN.running_var, DATA["ibn_rv"])
    close(layer.eval()(x), DATA["ibn_eval_after"])


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_bottlenecks(mode: str) -> None:
    a = Bottleneck(32, 8)
    a.bn1 = InstanceBatchNorm2d.from_batch_norm(a.bn1)
    for block, variant in ((a, "a"), (InstanceBottleneck(32, 8), "b")):
        made = fill(block, lambda name: f"bott.{name}").train(mode == "train")
        close(made(torch.from_numpy(DATA["bott_x"])), DATA[f"bott_{variant}_{mode}"])


def test_weights_of_the_plain_network_are_kept() -> None:
    torch.manual_seed(0)
    plain = build_resnet("resnet50")
    for variant in ("a", "b"):
        torch.manual_seed(0)
        made = build_resnet_ibn("resnet50", variant)  # type: ignore[arg-type]
        state = made.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in plain.state_dict().items() if name in state)
        added = [name for name in state if name not in plain.state_dict()]
        assert all(".IN." in name or ".BN." in name for name in added)
        assert len([m for m in made.modules() if isinstance(m, nn.InstanceNorm2d)]) == {"a": 13, "b": 3}[variant]


def test_what_is_refused() -> None:
    with pytest.raises(SettingsError, match="must be 'a' or 'b', got 'c'"):
        build_resnet_ibn("resnet50", "c")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"bottlenecks .*got 'resnet18'"):
        build_resnet_ibn("resnet18", "a")
