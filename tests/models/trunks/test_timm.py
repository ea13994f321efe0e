"""Networks of timm up to their pooling, with activations outside their normalisations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from vireid.errors import SettingsError
from vireid.models import Timm
from vireid.models.trunks.timm import split_activations

IMAGES = torch.rand(3, 3, 64, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenetv3_small_050", "regnety_002", "repvgg_a0"])
@pytest.mark.parametrize("training", [True, False])
def test_split_norms_give_the_same_values_and_statistics(name: str, training: bool) -> None:
    theirs = timm.create_model(name, num_classes=0, global_pool="").train(training)
    torch.manual_seed(0)
    ours = timm.create_model(name, num_classes=0, global_pool="").train(training)
    ours.load_state_dict(theirs.state_dict())
    names = [name for name, module in ours.named_modules() if type(module) is timm.layers.BatchNormAct2d]
    split_activations(ours)
    assert names
    assert all(type(ours.get_submodule(f"{name}.norm")) is nn.BatchNorm2d for name in names)
    found = []
    for network in (theirs, ours):
        torch.manual_seed(1)  # stochastic depth
        found.append(network(IMAGES))
        found[-1].square().mean().backward()
    assert torch.equal(*found)
    for first, second in zip(theirs.parameters(), ours.parameters(), strict=True):
        assert torch.equal(first.grad, second.grad)
    assert all(torch.equal(a, b) for a, b in zip(theirs.buffers(), ours.buffers(), strict=True))


def test_weights_by_file(tmp_path: Path) -> None:
    made = timm.create_model("mobilenetv3_small_050")
    torch.save(made.state_dict(), tmp_path / "weights.pth")
    trunk = Timm("mobilenetv3_small_050").build(str(tmp_path / "weights.pth"))
    assert torch.equal(trunk.get_submodule("bn1.norm").weight, made.bn1.weight)
    assert torch.equal(trunk.get_submodule("conv_stem").weight, made.conv_stem.weight)
    from safetensors.torch import save_file

    save_file(made.state_dict(), str(tmp_path / "weights.safetensors"))
    again = Timm("mobilenetv3_small_050").build(str(tmp_path / "weights.safetensors"))
    assert all(torch.equal(value, trunk.state_dict()[name]) for name, value in again.state_dict().items())
    with pytest.raises(SettingsError, match="do not fit resnet18"):
        Timm("resnet18").build(str(tmp_path / "weights.pth"))


def test_weights_by_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Timm("resnet50d").own_weights == timm.get_pretrained_cfg("resnet50d").tag
    with pytest.raises(SettingsError, match=r"`weights` of resnet18 must be .*a1_in1k, .* a file or null, got 'imagenet'"):
        Timm("resnet18").build("imagenet")

    with pytest.raises(SettingsError, match=r"must be default \(for its own\), .*got 'IMAGENET1K_V1'"):  # what recipes for a ResNet ask for
        Timm("resnet18").build("IMAGENET1K_V1")
    with pytest.raises(SettingsError, match=r"got 'a1_in1'\. Did you mean a1_in1k\?"):
        Timm("resnet18").build("a1_in1")

    def offline(name: str, **_: Any) -> nn.Module:
        raise OSError(f"no network for {name}")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(SettingsError, match=r"a1_in1k of timm's resnet18 cannot be fetched .*no network for resnet18.a1_in1k.*a file"):
        Timm("resnet18").build("a1_in1k")


def test_arguments_reach_the_network() -> None:
    assert Timm("resnet18", {"output_stride": 16}).build()(IMAGES).shape[2:] == (4, 2)
    assert Timm("resnet18").build()(IMAGES).shape[2:] == (2, 1)


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SettingsError, match=r"needs timm: pip install 'vireid\[timm\]'"):
        Timm("resnet18")
