"""Every trunk starts from a file of its own weights, and refuses that of another one in a few lines."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import timm
import torch
import torchvision

from vireid.errors import CheckpointError, SettingsError
from vireid.models import CDNet, OSNet, ResNet, Timm, Torchvision, Trunk, load_weights
from vireid.search import BNSeparation
from vireid.tasks import RetrainModule

TRUNKS = (
    ResNet("resnet10", width=8),
    Torchvision("mobilenet_v3_small"),
    Timm("test_efficientnet"),
    OSNet("osnet_x0_25"),
    CDNet("cdnet_x0_25"),
)
OTHERS = (  # another width or depth, and a part of what the message says
    (TRUNKS[0], ResNet("resnet10", width=4), r" of another shape: conv1.weight is \(4, 3, 7, 7\) there and \(8, 3, 7, 7\)"),
    (TRUNKS[0], ResNet("resnet18", width=8), r" 40 without a place in it: layer1.1.conv1.weight, .* and 37 more"),
    (ResNet("resnet18", width=8), TRUNKS[0], r" 40 lacking: layer1.1.conv1.weight, .* and 37 more"),
    (TRUNKS[2], Timm("test_resnet"), r"do not fit test_efficientnet:"),
    (TRUNKS[3], OSNet("osnet_x0_5"), r" of another shape: conv1.conv.weight is \(32, 3, 7, 7\) there and \(16, 3, 7, 7\)"),
    (TRUNKS[4], CDNet("cdnet_x0_5"), r" of another shape: base.stem.conv1.op.0.weight is \(32, 3, 7, 7\) there and \(16, 3, 7, 7\)"),
)


def saved(trunk: Trunk, path: Path) -> dict[str, torch.Tensor]:
    """A trunk's random weights, with statistics that are not those of a fresh one, in a file."""
    torch.manual_seed(3)
    state = trunk.build().state_dict()
    state = {name: torch.rand_like(value) if value.is_floating_point() else value + 5 for name, value in state.items()}
    torch.save(state, path)
    return state


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_a_file_of_its_own_weights_fills_all_of_it(trunk: Trunk, tmp_path: Path) -> None:
    expected = saved(trunk, tmp_path / "own.pth")
    found = trunk.build(str(tmp_path / "own.pth")).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


@pytest.mark.parametrize(("trunk", "other", "message"), OTHERS)
def test_weights_of_another_trunk_are_refused(trunk: Trunk, other: Trunk, message: str, tmp_path: Path) -> None:
    saved(other, tmp_path / "other.pth")
    with pytest.raises(SettingsError, match=message) as refused:
        trunk.build(str(tmp_path / "other.pth"))
    text = str(refused.value)
    assert text.startswith(f"The weights {tmp_path / 'other.pth'} do not fit ")
    assert text.endswith("(`vireid pretrain` makes some), or set `weights: null`.")
    assert text.count("\n") <= 5


class Hostile:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_a_file_that_holds_more_than_tensors_is_refused_and_runs_nothing(trunk: Trunk, tmp_path: Path) -> None:
    torch.save({"conv1.weight": Hostile(tmp_path / "touched")}, tmp_path / "hostile.pth")
    with pytest.raises(CheckpointError, match="holds something other than tensors and plain values"):
        trunk.build(str(tmp_path / "hostile.pth"))
    assert not (tmp_path / "touched").exists()


def test_the_classifier_of_a_file_is_ignored_which_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    theirs = torchvision.models.resnet18()
    torch.save(theirs.state_dict(), tmp_path / "whole.pth")
    with caplog.at_level(logging.WARNING):
        trunk = ResNet("resnet18").build(str(tmp_path / "whole.pth"))
    assert torch.equal(trunk.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)
    assert caplog.messages == [f"{tmp_path / 'whole.pth'}: 2 entries of the file are not used: fc.weight, fc.bias"]


def test_a_classifier_inside_a_part_of_the_trunk_is_ignored_too(tmp_path: Path) -> None:
    theirs = timm.create_model("hgnetv2_b0")  # `head` has a convolution of the trunk, and the classifier
    torch.save(theirs.state_dict(), tmp_path / "whole.pth")
    trunk = Timm("hgnetv2_b0").build(str(tmp_path / "whole.pth"))
    assert torch.equal(trunk.get_submodule("head.last_conv.0").weight, theirs.head.last_conv[0].weight)


def test_a_checkpoint_of_ours_gives_its_trunk(tmp_path: Path) -> None:
    module = RetrainModule(3, "all_shared", BNSeparation(TRUNKS[0]), weights=None)
    torch.save({"state_dict": module.state_dict()}, tmp_path / "last.ckpt")
    trunk = TRUNKS[0].build(str(tmp_path / "last.ckpt"))
    assert torch.equal(trunk.conv1.weight, module.network.backbone.trunk.conv1.weight)


def test_any_network_is_filled_by_its_names(tmp_path: Path) -> None:
    made, network = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    torch.save(made.state_dict(), tmp_path / "made.pth")
    load_weights(network, tmp_path / "made.pth")
    assert torch.equal(network.weight, made.weight)
