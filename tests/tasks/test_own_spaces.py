"""Spaces of a user's own in tasks, and what files say of trunks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vireid import RetrainModule, SearchModule
from vireid.errors import CheckpointError, GenotypeError, SettingsError
from vireid.models import Trunk
from vireid.search import BNSeparation, Site
from vireid.settings import check_objects


class Small(Trunk):
    """A convolution and two norms, in either order of names."""

    def __init__(self, turned: bool = False) -> None:
        self.turned = turned

    def build(self, weights: str | None = None) -> nn.Module:
        names = ("b", "a") if self.turned else ("a", "b")
        layers = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2))
        for name in names:
            layers.add_module(name, nn.BatchNorm2d(4))
        return layers


class Own(BNSeparation):
    """A space of a user's own."""


class Restless(BNSeparation):
    """Forgets a site each time it is asked."""

    asked = 0

    def sites(self) -> list[Site]:
        self.asked += 1
        return super().sites()[: 12 - self.asked]


def test_an_own_space_is_searched_and_retrained() -> None:
    space = Own(Small())
    search = SearchModule(3, space, weights=None)
    genotype = search.derive()
    retrained = RetrainModule(3, genotype.to_dict(), space, weights=None)
    assert retrained.space is space is search.space
    assert retrained.settings()["init_args"]["space"] == space.settings()
    with pytest.raises(GenotypeError, match=r"asks to import .*test_own_spaces.Own.*`space=` in Python.*--allow"):
        RetrainModule(3, genotype.to_dict(), weights=None)


def test_sites_that_change_from_call_to_call_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"sites of Restless are not those of its supernet \(layer.* changed\)"):
        SearchModule(3, Restless("resnet10", width=8), weights=None)


def test_sites_that_change_between_runs_are_refused() -> None:
    """Shapes and names of tensors are the same, but the rows of the logits mean other sites."""
    saved: dict[str, Any] = {"sites": [site.name for site in Own(Small()).sites()]}
    SearchModule(3, Own(Small()), weights=None).on_load_checkpoint(saved)
    with pytest.raises(SettingsError, match=r"sites of Own are not those of the checkpoint \(their order changed\)"):
        SearchModule(3, Own(Small(turned=True)), weights=None).on_load_checkpoint(saved)
    with pytest.raises(SettingsError, match=r"of the checkpoint \(a changed\)"):
        SearchModule(3, Own(Small(), sites=["b"]), weights=None).on_load_checkpoint(saved)


def test_a_file_may_name_a_trunk_but_not_a_module_to_import() -> None:
    def settings(backbone: Any) -> dict[str, Any]:
        return {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": backbone, "last_stride": 1, "width": 64}}

    for backbone in ("resnet50", "osnet_ain_x1_0:in,out,none,in,in,none", BNSeparation().trunk.settings()):
        check_objects(settings(backbone))
    for text in ("os.path", "evil.Trunk", "./resnet50.yaml"):
        with pytest.raises(CheckpointError, match=f"needs the settings of an object as `backbone`, the file has '{text}'"):
            check_objects(settings(text))


def test_weights_by_default_are_those_of_the_trunk() -> None:
    assert SearchModule(3, Own(Small())).weights is None
    with pytest.raises(SettingsError, match="torchvision has no pretrained weights for resnet10"):
        SearchModule(3, BNSeparation("resnet10"))
    torch.manual_seed(0)
    module = RetrainModule(3, "all_shared", Own(Small()))
    assert module.settings()["init_args"]["weights"] is None
