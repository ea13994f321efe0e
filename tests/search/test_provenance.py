"""What genotype files tell of their sites."""

from __future__ import annotations

import json

import pytest

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


def test_other_provenance_is_kept() -> None:
    space = OSNetAIN("x0_25")
    point = space.baseline("osnet_ain")
    found = with_site_provenance(space, Genotype(point.space, point.choices, {"seed": 3, "cost": "old"}))
    assert found == point
    assert (found.provenance["seed"], found.provenance["ties"]) == (3, {})
    assert found.provenance["cost"] == space.cost(point)


def test_a_point_of_another_space_has_no_cost() -> None:
    with pytest.raises(GenotypeError, match="does not fit OSNetAIN"):
        site_provenance(OSNetAIN(), JointNorm("resnet10", candidates=("shared_bn", "in")).baseline("all_in"))
