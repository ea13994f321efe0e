"""Prices, by hand and against published counts."""

from __future__ import annotations

import pytest
import torch

from vireid.models import ResNet
from vireid.models.trunks.discovery import discover
from vireid.search import BNSeparation, JointNorm
from vireid.search.spaces.norm_cost import latency, price

SPACE = JointNorm(backbone="resnet10", width=8)
SITES = {site.name: site for site in SPACE.sites()}
FACTS = discover(ResNet("resnet10", width=8))


def test_multiply_adds_of_resnet50_as_published() -> None:
    assert discover(ResNet("resnet50", last_stride=2)).multiply_adds == 2_669_150_208
    assert discover(ResNet("resnet50", last_stride=2)).parameters == 23_508_032


def test_pixels_follow_the_strides() -> None:
    bottleneck = discover(ResNet("resnet50")).pixels
    found = [bottleneck[name] for name in ("bn1", "layer1.2.bn3", "layer2.0.bn1", "layer2.0.bn2", "layer2.0.downsample.1", "layer4.2.bn3")]
    assert found == [128 * 64, 64 * 32, 64 * 32, 32 * 16, 32 * 16, 16 * 8]
    assert discover(ResNet("resnet50", last_stride=2)).pixels["layer4.2.bn3"] == 8 * 4
    assert list(bottleneck) == [site.name for site in JointNorm().sites()]


@pytest.mark.parametrize(
    ("candidate", "parameters", "statistics", "specific", "channels"),
    [
        ("shared_bn", 0, 16, False, 0),
        ("separate_bn", 16, 32, True, 0),
        ("in", 0, 0, False, 8),
        ("ibn", 0, 8, False, 8),
        ("separate_ibn", 8, 16, True, 8),
    ],
)
def test_prices_of_eight_channels(candidate: str, parameters: int, statistics: int, specific: bool, channels: int) -> None:
    found = price(SITES["bn1"], candidate, FACTS)
    assert (found.parameters, found.statistics, found.modality_specific) == (parameters, statistics, specific)
    assert found.elements == channels * 128 * 64


def test_cost_counts_the_whole_trunk_and_the_sites() -> None:
    space = JointNorm(backbone="resnet10", width=8, sites=["bn1", "layer1.*"])
    point = space.genotype({"bn1": "in", "layer1.0.bn1": "separate_bn", "layer1.0.bn2": "separate_ibn"})
    elements = 8 * 128 * 64 + 8 * 64 * 32
    assert space.cost(point) == {
        "parameters": FACTS.parameters + 16 + 8,
        "extra_parameters": 24,
        "running_statistics": 0 + 32 + 16 + 2 * (3 * 16 + 3 * 32 + 3 * 64),
        "modality_specific_sites": 2,
        "foldable_sites": 1,
        "unfoldable_sites": 2,
        "runtime_elements": elements,
        "latency": 1 + 120 * elements / FACTS.multiply_adds,
    }


def test_what_folds_costs_no_time() -> None:
    assert latency(0, 100) == 1.0
    points = SPACE.baselines()
    times = [SPACE.cost(points[name])["latency"] for name in ("all_shared", "all_separate", "all_ibn", "all_separate_ibn", "all_in")]
    assert times[0] == times[1] == 1.0 < times[2] == times[3] == times[4]
    assert 1.0 < SPACE.cost(points["ibn_a"])["latency"] < times[2]


def test_tables_are_relative_to_the_dearest_candidate() -> None:
    specific = SPACE.cost_table("modality_specific_sites")
    assert torch.equal(specific, torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0]).expand(12, 5))
    assert torch.equal(SPACE.cost_table("unfoldable_sites"), torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0]).expand(12, 5))
    parameters = SPACE.cost_table("parameters")  # 64 channels of stage 4 are the dearest
    assert parameters[-1].tolist() == [0.0, 1.0, 0.0, 0.0, 0.5]
    assert parameters[0].tolist() == [0.0, 0.125, 0.0, 0.0, 0.0625]
    time = SPACE.cost_table("latency")  # the stem has most pixels
    assert time[0].tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert time[1].tolist() == [0.0, 0.0, 0.25, 0.25, 0.25]


def test_tables_of_sites_with_fewer_candidates_are_filled_up() -> None:
    table = JointNorm(backbone="resnet10", subsets={"bn1": ["ibn", "separate_ibn"]}).cost_table("modality_specific_sites")
    assert table[0].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_a_table_without_costs_is_zero() -> None:
    assert torch.equal(BNSeparation("resnet10").cost_table("latency"), torch.zeros(12, 2))
