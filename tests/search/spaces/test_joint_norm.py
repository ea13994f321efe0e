"""The joint space: which normalisations are sites, what they may become, and which are tied."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.search.contract import SpaceContract
from vireid.errors import GenotypeError, SettingsError
from vireid.nn import CANDIDATES
from vireid.search import BNSeparation, INPlacement, JointNorm, space_of
from vireid.structures import Genotype


class TestINPlacement(SpaceContract):
    space = INPlacement("resnet10", width=8)


class TestJointNorm(SpaceContract):
    space = JointNorm(backbone="resnet10", width=8)


class TestJointNormWithSubsetsTiedByStage(SpaceContract):
    space = JointNorm(
        "resnet18", candidates=("ibn", "in", "separate_bn", "shared_bn"), width=8, tie="stage",
        subsets={"*": ["separate_bn", "shared_bn"], "layer[12].*": ["ibn", "in", "separate_bn"]},
    )  # fmt: skip


class TestJointNormTiedByRole(SpaceContract):
    space = JointNorm(backbone="resnet10", width=8, tie="role")


def names(space: JointNorm) -> list[str]:
    return [site.name for site in space.sites()]


def candidates(space: JointNorm) -> dict[str, tuple[str, ...]]:
    return {site.name: site.candidates for site in space.sites()}


def groups(space: JointNorm) -> dict[str, int]:
    """Sites by group."""
    found: dict[str, int] = {}
    for site in space.sites():
        found[site.group] = found.get(site.group, 0) + 1
    return found


def test_the_default_is_every_candidate_at_every_norm() -> None:
    space = JointNorm()
    assert (len(space.sites()), {site.candidates for site in space.sites()}) == (53, {CANDIDATES})
    assert CANDIDATES == ("shared_bn", "separate_bn", "in", "ibn", "separate_ibn")  # part of the file format
    assert {site.group for site in space.sites()} == {""}


def test_restrictions_are_the_joint_space_with_fewer_candidates() -> None:
    for restriction, kept in ((BNSeparation, ["shared_bn", "separate_bn"]), (INPlacement, ["shared_bn", "in", "ibn"])):
        arguments: dict[str, Any] = {"backbone": "resnet18", "width": 16, "sites": ["layer1.*"], "tie": "block"}
        joint = JointNorm(candidates=kept, **arguments)
        assert restriction(**arguments).sites() == joint.sites()
        points = {name: point.choices for name, point in joint.baselines().items()}
        assert {name: point.choices for name, point in restriction(**arguments).baselines().items()} == points
        assert set(restriction().settings()["init_args"]) == {"backbone", "sites", "tie"}


def test_old_files_of_the_restriction_still_load() -> None:
    space = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10", "last_stride": 1, "width": 8}}
    old = Genotype(space, dict.fromkeys(names(BNSeparation("resnet10")), "separate_bn"))
    assert space_of(old).cost(old)["modality_specific_sites"] == 12
    BNSeparation("resnet10", width=8).validate(old)


@pytest.mark.parametrize(
    ("patterns", "count"), [(["bn1"], 1), (["*.bn1"], 16), (["layer1.*"], 10), (["*.downsample.1"], 4), (["bn1", "layer[34].?.bn2"], 10)]
)
def test_patterns_choose_sites_in_the_order_of_the_network(patterns: list[str], count: int) -> None:
    chosen = names(JointNorm(sites=patterns))
    assert len(chosen) == count
    assert chosen == [name for name in names(JointNorm()) if name in chosen]
    assert chosen == names(JointNorm(sites=[*reversed(patterns), *patterns]))


def test_what_is_no_site_stays_the_plain_layer() -> None:
    space = JointNorm(backbone="resnet10", width=8, sites=["layer1.*"])
    for network in (space.materialise(space.baselines()["all_separate_ibn"]), space.supernet()):
        plain = {name for name, module in network.trunk.named_modules() if type(module) is nn.BatchNorm2d}
        assert plain >= set(names(JointNorm(backbone="resnet10", width=8))) - set(names(space))
        assert not plain & set(names(space))
    with pytest.raises(GenotypeError, match="there is no site 'bn1'"):
        space.genotype({**space.sample(torch.Generator()).choices, "bn1": "shared_bn"})


def test_the_last_subset_that_matches_counts() -> None:
    subsets = {"layer1.*": ["ibn", "in"], "layer1.0.bn1": ["ibn", "shared_bn"]}
    found = candidates(JointNorm(backbone="resnet10", subsets=subsets))
    assert found["layer1.0.bn1"] == ("shared_bn", "ibn")
    assert found["layer1.0.bn2"] == ("in", "ibn")
    assert found["bn1"] == CANDIDATES


def test_order_of_arguments_does_not_matter() -> None:
    subsets = {"bn1": ["ibn", "in"]}
    mine = JointNorm("resnet10", candidates=("ibn", "shared_bn", "in"), subsets=subsets)
    other = JointNorm("resnet10", candidates=("shared_bn", "in", "ibn"), subsets={"bn1": ["in", "ibn"]})
    assert mine.settings() == other.settings()
    mine.validate(other.sample(torch.Generator()))
    assert subsets == {"bn1": ["ibn", "in"]}


@pytest.mark.parametrize(
    ("tie", "expected"),
    [
        ("none", {"": 53}),
        ("stage", {"stem": 1, "layer1": 10, "layer2": 13, "layer3": 19, "layer4": 10}),
        ("role", {"stem": 1, "bn1": 16, "bn2": 16, "bn3": 16, "downsample": 4}),
    ],
)
def test_ties(tie: Any, expected: dict[str, int]) -> None:
    assert groups(JointNorm(tie=tie)) == expected


def test_ties_by_block() -> None:
    found = groups(JointNorm(tie="block"))
    assert (len(found), found["stem"], found["layer1.0"], found["layer1.1"]) == (17, 1, 4, 3)


def test_a_broken_tie_names_the_groups() -> None:
    space = INPlacement("resnet10", width=8, tie="block")
    choices = {**space.baselines()["all_in"].choices, "layer1.0.bn2": "ibn", "layer3.0.bn1": "shared_bn"}
    with pytest.raises(GenotypeError) as caught:
        space.genotype(choices)
    for part in (
        "the sites of layer1.0 are tied but differ (layer1.0.bn1 in, layer1.0.bn2 ibn)",
        "the sites of layer3.0 are tied but differ (layer3.0.bn1 shared_bn, layer3.0.bn2 in, layer3.0.downsample.1 in)",
    ):
        assert part in str(caught.value)
    assert "layer2.0" not in str(caught.value)
    with pytest.raises(GenotypeError, match=r"does not fit this supernet: the sites of layer1.0 are tied"):
        space.supernet().set_genotype(Genotype(space.settings(), choices))
    wide = INPlacement(tie="stage")
    with pytest.raises(GenotypeError, match=r"layer3.2.bn1 in and 11 more\)"):
        wide.genotype({**wide.baselines()["all_in"].choices, "layer3.0.bn1": "ibn"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "resnet20"}, "`backbone` must be one of"),
        ({"candidates": []}, "`candidates` must name at least two candidates"),
        ({"candidates": ["in"]}, r"`candidates` must name at least two candidates, each once: .* Got \['in'\]"),
        ({"candidates": ["in", "in"]}, "`candidates` must name at least two candidates, each once"),
        ({"candidates": ["in", "gn"]}, "no normalisation candidate 'gn'"),
        ({"sites": []}, "`sites` must be a list of patterns"),
        ({"sites": "bn1"}, r"`sites` must be a list of patterns of site names, .* got 'bn1'"),
        ({"sites": ["bn1", "layer1.9.bn1"]}, r"`sites`: the pattern 'layer1.9.bn1' matches no site. Close names: .*layer1.\d.bn1"),
        ({"sites": ["zzz"]}, "Close names: bn1, layer1.0.bn1, layer1.0.bn2"),
        ({"subsets": {"bn9": ["in", "ibn"]}}, "`subsets`: the pattern 'bn9' matches no site. Close names: bn1"),
        ({"sites": ["bn1"], "subsets": {"layer1.*": ["in", "ibn"]}}, "`subsets`: the pattern 'layer1.*' matches no site"),
        ({"subsets": {"bn1": ["in"]}}, "`subsets` of 'bn1' must name at least two"),
        ({"subsets": {"bn1": ["in", "gn"]}}, "no normalisation candidate 'gn'"),
        ({"candidates": ["in", "ibn"], "subsets": {"bn1": ["in", "shared_bn"]}}, r"'bn1' must be among `candidates` \(in, ibn\)"),
        ({"tie": "nothing"}, "`tie` must be none, block, stage or role, got 'nothing'"),
        (
            {"tie": "stage", "subsets": {"layer1.0.bn2": ["in", "ibn"]}},
            r"The sites of layer1 are tied, .* layer1.0.bn1 has shared_bn, .* and layer1.0.bn2 has in, ibn. Change `subsets` or `tie`",
        ),
    ],
)  # fmt: skip
def test_constructor_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        JointNorm(**arguments)


@pytest.mark.parametrize(
    "init_args",
    [
        {"sites": 5},
        {"sites": [5]},
        {"tie": []},
        {"subsets": "bn1"},
        {"subsets": {"bn1": 5}},
        {"candidates": [["in"], "ibn"]},
        {"sides": []},
    ],
)
def test_damaged_settings_in_a_file_are_an_error_of_the_file(init_args: dict[str, Any]) -> None:
    settings = {"class_path": "vireid.search.JointNorm", "init_args": init_args}
    with pytest.raises(GenotypeError, match="space cannot be built"):
        space_of(Genotype(settings, {"bn1": "in"}))
