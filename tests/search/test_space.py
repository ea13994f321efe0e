"""Search spaces: sites, points, messages, networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from tests.search.contract import SpaceContract
from vireid.errors import GenotypeError
from vireid.nn import SeparateBatchNorm2d
from vireid.search import BNSeparation, Site, space_of
from vireid.structures import Genotype
from vireid.structures.resnet_sites import cmnas_order

SMALL = BNSeparation("resnet10", width=8)


def batch_norms(model: nn.Module) -> list[tuple[str, int]]:
    return [(name, module.num_features) for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]


class TestBNSeparation(SpaceContract):
    space = SMALL


class TestBNSeparationOfTheStemAndStage2TiedByBlock(SpaceContract):
    space = BNSeparation("resnet18", sites=["bn1", "layer2.*"], tie="block", last_stride=2, width=8)


@pytest.mark.parametrize(
    ("backbone", "count"), [("resnet18", 20), ("resnet34", 36), ("resnet50", 53), ("resnet101", 104), ("resnet152", 155)]
)
def test_sites_are_torchvisions_batch_norms_in_order(backbone: str, count: int) -> None:
    sites = BNSeparation(backbone).sites()
    with torch.device("meta"):
        expected = batch_norms(torchvision.models.get_model(backbone))
    assert [(site.name, site.channels) for site in sites] == expected
    assert len(sites) == count
    assert sorted(cmnas_order(backbone)) == sorted(site.name for site in sites)


def test_sites_are_in_order_of_execution() -> None:
    trunk = SMALL.materialise(SMALL.baselines()["all_shared"])
    ran: list[str] = []
    for name, module in trunk.trunk.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    trunk(torch.randn(2, 3, 32, 16), 1)
    assert ran == [site.name for site in SMALL.sites()]


def test_stages_and_roles() -> None:
    sites = {site.name: site for site in BNSeparation("resnet50").sites()}
    assert (sites["bn1"].stage, sites["bn1"].role) == (0, "stem")
    site = sites["layer3.0.downsample.1"]
    assert (site.stage, site.role, site.channels, site.candidates) == (3, "downsample", 1024, ("shared_bn", "separate_bn"))


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_all_shared_child_is_torchvisions_resnet(backbone: str) -> None:
    space = BNSeparation(backbone, last_stride=2)
    torch.manual_seed(0)
    child = space.materialise(space.baselines()["all_shared"])
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(backbone)
    theirs.fc = nn.Identity()
    x = torch.randn(4, 3, 64, 32)
    with torch.no_grad():
        assert float((child(x, 2).mean((2, 3)) - theirs(x)).abs().max()) == 0.0
    assert all(type(m) is nn.BatchNorm2d for m in child.modules() if "Norm" in type(m).__name__)


def test_baselines_separate_what_they_say() -> None:
    space = BNSeparation("resnet50")
    counts = {name: space.cost(point)["modality_specific_sites"] for name, point in space.baselines().items()}
    assert counts == {
        "all_shared": 0, "all_separate": 53, "stem_separate": 1, "stages_1": 11, "stages_1_2": 24, "stages_1_2_3": 43,
        "only_stage_4": 10, "only_downsample": 4,
    }  # fmt: skip


def test_materialise_gives_the_layers_of_the_genotype() -> None:
    point = SMALL.sample(torch.Generator().manual_seed(4))
    child = SMALL.materialise(point)
    kinds = {"shared_bn": nn.BatchNorm2d, "separate_bn": SeparateBatchNorm2d}
    assert {name: type(child.trunk.get_submodule(name)) for name in point.choices} == {n: kinds[c] for n, c in point.choices.items()}


def test_cmnas_list_fits_the_space(tmp_path: Path) -> None:
    path = tmp_path / "config.cfg"
    path.write_text(" ".join(str(i % 2) for i in range(53)) + "\n")
    genotype = Genotype.from_cmnas_cfg(path)  # its settings name the backbone alone
    space = BNSeparation("resnet50")
    space.validate(genotype)
    space.genotype(genotype.choices).to_cmnas_cfg(tmp_path / "again.cfg")
    assert (tmp_path / "again.cfg").read_text() == path.read_text()
    with pytest.raises(GenotypeError, match="its `last_stride` is 1, not 2"):
        BNSeparation("resnet50", last_stride=2).validate(genotype)


def test_validate_lists_everything() -> None:
    good = SMALL.baselines()["all_shared"]
    choices = {**good.choices, "layer1.0.bn2": "bn", "layer9.0.bn1": "shared_bn", "layer2.0.downsample1": "shared_bn"}
    del choices["layer2.0.downsample.1"], choices["bn1"]
    space = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10"}}
    with pytest.raises(GenotypeError) as caught:
        SMALL.validate(Genotype(space, choices))
    for part in (
        "its `width` is 64, not 8",
        "no choice for bn1, layer2.0.downsample.1",
        "there is no site 'layer9.0.bn1'",
        "there is no site 'layer2.0.downsample1' (did you mean 'layer2.0.downsample.1'?)",
        "layer1.0.bn2 cannot be 'bn', only shared_bn or separate_bn",
    ):
        assert part in str(caught.value)


def test_genotypes_of_other_spaces_are_refused() -> None:
    other = Genotype({"class_path": "vireid.search.OSNetAIN", "init_args": {}}, dict(SMALL.baselines()["all_shared"].choices))
    with pytest.raises(GenotypeError, match=r"belongs to 'vireid.search.OSNetAIN', not to 'vireid.search.BNSeparation'"):
        SMALL.validate(other)
    broken = Genotype({"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "vgg"}}, other.choices)
    with pytest.raises(GenotypeError, match=r"its space cannot be built .*'vgg'"):
        SMALL.validate(broken)
    with pytest.raises(GenotypeError, match=r"space cannot be built.*'vgg'"):
        space_of(broken)
    with pytest.raises(GenotypeError, match=r"space cannot be built.*'os.system'"):
        space_of(Genotype({"class_path": "os.system", "init_args": {}}, other.choices))


def test_space_of_wants_a_space() -> None:
    settings = {"class_path": "vireid.search.Softmax", "init_args": {}}  # recorded, but a relaxation
    with pytest.raises(GenotypeError, match=r"'vireid.search.Softmax' is not a search space"):
        space_of(Genotype(settings, {"bn1": "shared_bn"}))


def test_incomplete_choices_are_refused() -> None:
    with pytest.raises(GenotypeError, match=r"not a point of BNSeparation: no choice for bn1, .* and 4 more"):
        SMALL.genotype({})


def test_single_point_cannot_mutate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BNSeparation, "sites", lambda _: [Site("bn1", ("shared_bn",))])
    space = BNSeparation("resnet10", width=8)
    with pytest.raises(GenotypeError, match="single point"):
        space.mutate(space.genotype({"bn1": "shared_bn"}), torch.Generator())
