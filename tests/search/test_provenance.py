"""What genotype files tell of their sites."""

from __future__ import annotations

import json

import pytest

from tests.search.derivation.toy import Toy
from vireid.errors import GenotypeError
from vireid.search import INPlacement, JointNorm, OSNetAIN
from vireid.search.provenance import site_provenance, with_site_provenance
from vireid.structures import Genotype


def test_stages_ties_and_cost_are_told_in_plain_values() -> None:
    space = INPlacement("resnet10", width=8, tie="block")
    point = space.baseline("all_in")
    told = site_provenance(space, point)
    assert json.loads(json.dumps(told)) == told
    assert told["stages"] == {site.name: site.stage for site in space.sites()}
    assert told["ties"]["layer1.0"] == ["layer1.0.bn1", "layer1.0.bn2"]
    assert "stem" not in told["ties"]  # alone in its group
    assert told["cost"] == space.cost(point)
    cost = {"unfoldable_sites": 1, "runtime_elements": 8 * 128 * 64}  # IN at the 8 channels of the first map; no parameters more
    assert told["site_costs"]["bn1"] == cost


def test_other_provenance_is_kept() -> None:
    space = OSNetAIN("x0_25")
    point = space.baseline("osnet_ain")
    found = with_site_provenance(space, Genotype(point.space, point.choices, {"seed": 3, "cost": "old"}))
    assert found == point
    assert (found.provenance["seed"], found.provenance["ties"]) == (3, {})
    assert found.provenance["cost"] == space.cost(point)


def test_sites_that_add_nothing_are_left_out() -> None:
    space = JointNorm("resnet10", width=8)
    assert list(site_provenance(space, space.baseline("stem_separate"))["site_costs"]) == ["bn1"]
    assert site_provenance(space, space.baseline("all_shared"))["site_costs"] == {}


def test_a_space_of_the_users_need_not_tell_what_its_sites_cost() -> None:
    assert site_provenance(Toy(), Toy().point("01"))["site_costs"] == {}


def test_a_point_of_another_space_has_no_cost() -> None:
    with pytest.raises(GenotypeError, match="does not fit OSNetAIN"):
        site_provenance(OSNetAIN(), JointNorm("resnet10", candidates=("shared_bn", "in")).baseline("all_in"))
