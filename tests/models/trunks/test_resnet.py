"""Trunks are torchvision's, weights included."""

from __future__ import annotations

import shutil
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from vireid.errors import SettingsError
from vireid.models import build_resnet


def torchvision_map(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Torchvision's own forward pass up to the feature map."""
    maps: list[torch.Tensor] = []
    handle = model.layer4.register_forward_hook(lambda module, inputs, output: maps.append(output))  # type: ignore[union-attr, operator]
    model(x)
    handle.remove()
    return maps[0]


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50"])
@pytest.mark.parametrize("last_stride", [1, 2])
def test_equal_to_torchvision(backbone: str, last_stride: int) -> None:
    torch.manual_seed(0)
    trunk = build_resnet(backbone, last_stride=last_stride)
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(backbone)
    if last_stride == 1:
        first = theirs.layer4[0]
        (first.conv2 if backbone == "resnet50" else first.conv1).stride = (1, 1)
        first.downsample[0].stride = (1, 1)
    expected = {name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
    state = trunk.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], value) for name, value in expected.items())
    x = torch.randn(2, 3, 64, 32)
    out = trunk(x)
    assert torch.equal(out, torchvision_map(theirs, x))
    assert out.shape == (2, trunk.out_channels, 4 // last_stride, 2 // last_stride)


def test_smaller_trunks() -> None:
    half = build_resnet("resnet18", width=32)
    assert half(torch.randn(2, 3, 64, 32)).shape == (2, 256, 4, 2)
    assert [half.layer1[0].bn1.num_features, half.layer2[0].bn1.num_features, half.layer4[1].bn2.num_features] == [32, 64, 256]
    assert half.layer1[0].downsample is None
    ten = build_resnet("resnet10")
    assert [len(stage) for stage in (ten.layer1, ten.layer2, ten.layer3, ten.layer4)] == [1, 1, 1, 1]
    stem, stages = 64 * 3 * 49 + 128, 0
    for before, planes in ((64, 64), (64, 128), (128, 256), (256, 512)):
        stages += 9 * planes * (before + planes) + 4 * planes + (before * planes + 2 * planes if before != planes else 0)
    assert sum(p.numel() for p in ten.parameters()) == stem + stages == 4905792


def saved_weights(folder: Path, backbone: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """A state dict as torchvision saves it, in torch hub's folder under the official file name."""
    torch.manual_seed(1)
    state = torchvision.models.get_model(backbone).state_dict()
    entry = torchvision.models.get_model_weights(backbone)["IMAGENET1K_V1"]
    path = folder / "checkpoints" / entry.url.rsplit("/", 1)[-1]
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(folder))
    return state


def test_pretrained_weights_from_the_hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = saved_weights(tmp_path, "resnet18", monkeypatch)
    state = build_resnet("resnet18", weights="IMAGENET1K_V1").state_dict()
    assert set(expected) - set(state) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(value, expected[name]) for name, value in state.items())


class Planted:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return open, (self.path, "w")

    def __init__(self, path: Path) -> None:
        self.path = str(path)


def test_a_file_in_the_hub_folder_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved_weights(tmp_path, "resnet18", monkeypatch)
    torch.save({"conv1.weight": Planted(tmp_path / "owned")}, next((tmp_path / "checkpoints").iterdir()))
    with pytest.raises(SettingsError, match=r"it asks for .*open.* Put the file 'resnet18-f37072fd.pth'"):
        build_resnet("resnet18", weights="IMAGENET1K_V1")
    assert not (tmp_path / "owned").exists()


def test_weights_are_fetched_by_their_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = saved_weights(tmp_path / "there", "resnet18", monkeypatch)
    file = next((tmp_path / "there" / "checkpoints").iterdir())

    def download(url: str, path: str, checksum: str) -> None:
        assert (url.rpartition("/")[2], Path(path).name, checksum) == (file.name, file.name, "f37072fd")
        shutil.copy(file, path)

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "here"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    for _ in range(2):
        assert torch.equal(build_resnet("resnet18", weights="IMAGENET1K_V1").conv1.weight, expected["conv1.weight"])
        monkeypatch.delattr(torch.hub, "download_url_to_file", raising=False)  # the second time it is there


def test_pretrained_weights_that_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(SettingsError, match=r"(?s)no route.*'resnet18-f37072fd.pth' into .*checkpoints.*`weights: null`"):
        build_resnet("resnet18", weights="IMAGENET1K_V1")


def test_damaged_weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved_weights(tmp_path, "resnet18", monkeypatch)
    next((tmp_path / "checkpoints").iterdir()).write_bytes(b"<html>blocked</html>")
    with pytest.raises(SettingsError, match=r"cannot be fetched or read.*resnet18-f37072fd.pth"):
        build_resnet("resnet18", weights="IMAGENET1K_V1")


def test_errors() -> None:
    with pytest.raises(SettingsError, match=r"must be .*IMAGENET1K_V1, .*a file or null, got 'imagenet'"):
        build_resnet("resnet18", weights="imagenet")
    with pytest.raises(SettingsError, match="no pretrained weights for resnet10, and there is no file 'IMAGENET1K_V1'"):
        build_resnet("resnet10", weights="IMAGENET1K_V1")
    with pytest.raises(SettingsError, match="for width 64 alone, got width=32, and there is no file 'IMAGENET1K_V1'"):
        build_resnet("resnet18", weights="IMAGENET1K_V1", width=32)
    with pytest.raises(SettingsError, match="`width` must be 64 for resnet50"):
        build_resnet("resnet50", width=32)
    with pytest.raises(SettingsError, match=r"`backbone` must be one of .*resnet152, got 'vgg'"):
        build_resnet("vgg")
    with pytest.raises(SettingsError, match="`last_stride` must be 1 or 2, got 3"):
        build_resnet("resnet18", last_stride=3)
