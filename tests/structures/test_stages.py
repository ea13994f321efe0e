"""Pictures and logs call a stage by one name, whether a genotype tells its stages or is older."""

from __future__ import annotations

import pytest

from vireid.search import BNSeparation, CombinedDepth, JointNorm, OSNetAIN, SearchSpace
from vireid.search.provenance import with_site_provenance
from vireid.structures import Genotype
from vireid.structures.stages import stage_name, stages_of

SPACES = [
    BNSeparation("resnet18"),
    JointNorm(backbone="osnet_x0_25"),
    JointNorm(backbone="osnet_ain_x0_25"),
    OSNetAIN(),
    JointNorm(backbone="cdnet_x0_25"),
    JointNorm(backbone="cnet_x0_25"),
    CombinedDepth(),
    CombinedDepth("cnet", planes=(8, 16, 32, 16), stages=(2, 1, 1)),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: str(space.settings()["init_args"]))
def test_names_of_older_files_are_those_of_the_sites(space: SearchSpace) -> None:
    point = next(iter(space.baselines().values()))
    expected = {site.name: stage_name(site.stage) for site in space.sites()}
    assert "stages" not in point.provenance
    assert stages_of(point) == expected
    assert stages_of(with_site_provenance(space, point)) == expected


def test_what_the_file_tells_wins_and_other_networks_are_named_by_their_modules() -> None:
    choices = {"features.0.1": "in", "features.1.bn": "in", "norm": "in"}
    assert stages_of(Genotype({}, choices)) == {"features.0.1": "features", "features.1.bn": "features", "norm": "stem"}
    told = {"stages": {"features.0.1": 0, "features.1.bn": 1, "norm": True}}
    assert stages_of(Genotype({}, choices, told)) == {"features.0.1": "stem", "features.1.bn": "layer1", "norm": "stem"}


@pytest.mark.parametrize("space", [{}, {"init_args": None}, {"init_args": {"stages": "many"}}, {"init_args": {"stages": ["x"]}}])
def test_a_space_of_another_form_is_passed_over(space: dict[str, object]) -> None:
    assert stages_of(Genotype(space, {"cells.7": "3x5"})) == {"cells.7": "layer3"}
