"""Hand-made points."""

from __future__ import annotations

import pytest

from vireid.search import INPlacement, JointNorm

SPACE = JointNorm()
EVERYWHERE = {"all_shared", "all_separate", "all_in", "all_ibn", "all_separate_ibn"}
SEPARATIONS = {"stem_separate", "stages_1", "stages_1_2", "stages_1_2_3", "only_stage_4", "only_downsample"}


def placed(space: JointNorm, name: str) -> dict[str, str]:
    """What a baseline changes."""
    return {site: candidate for site, candidate in space.baselines()[name].choices.items() if candidate != "shared_bn"}


def test_names() -> None:
    assert set(SPACE.baselines()) == EVERYWHERE | SEPARATIONS | {"ibn_a", "ibn_b"}
    assert set(INPlacement().baselines()) == {"all_shared", "all_in", "all_ibn", "ibn_a", "ibn_b"}


def test_ibn_a_as_published() -> None:
    blocks = [f"layer{stage}.{block}.bn1" for stage, depth in ((1, 3), (2, 4), (3, 6)) for block in range(depth)]
    assert placed(SPACE, "ibn_a") == dict.fromkeys(blocks, "ibn")
    assert SPACE.cost(SPACE.baselines()["ibn_a"])["parameters"] == 23_508_032  # the published network's, without classifier
    basic = INPlacement("resnet18")
    assert placed(basic, "ibn_a") == dict.fromkeys([f"layer{s}.{b}.bn1" for s in (1, 2, 3) for b in (0, 1)], "ibn")


def test_ibn_b_stands_before_the_addition() -> None:
    assert placed(SPACE, "ibn_b") == dict.fromkeys(["bn1", "layer1.2.bn3", "layer2.3.bn3"], "in")
    assert placed(INPlacement("resnet34"), "ibn_b") == dict.fromkeys(["bn1", "layer1.2.bn2", "layer2.3.bn2"], "in")


def test_random_points_are_samples() -> None:
    assert SPACE.baseline("random-7").choices == JointNorm().baseline("random-7").choices
    assert SPACE.baseline("random-7") != SPACE.baseline("random-8")


def test_names_mean_the_whole_network() -> None:
    """A space that cannot separate the stem has no ``stages_1``, and ``all_separate`` is all that it has."""
    space = JointNorm(sites=["layer[123].*"])
    assert set(space.baselines()) == EVERYWHERE | {"ibn_a"}
    assert len(placed(space, "all_separate")) == 42
    assert placed(space, "ibn_a") == placed(SPACE, "ibn_a")


@pytest.mark.parametrize(
    ("tie", "absent"),
    [
        ("block", {"only_downsample", "ibn_a", "ibn_b"}),
        ("stage", {"only_downsample", "ibn_a", "ibn_b"}),
        ("role", {"stages_1", "stages_1_2", "stages_1_2_3", "only_stage_4", "ibn_a", "ibn_b"}),
    ],
)
def test_ties_leave_out_what_breaks_them(tie: str, absent: set[str]) -> None:
    assert set(JointNorm(tie=tie).baselines()) == set(SPACE.baselines()) - absent  # type: ignore[arg-type]


def test_subsets_leave_out_what_they_forbid() -> None:
    space = JointNorm(subsets={"bn1": ["shared_bn", "separate_bn"]})
    assert set(SPACE.baselines()) - set(space.baselines()) == {"all_in", "all_ibn", "all_separate_ibn", "ibn_b"}
