"""Normalisations of CDNet and CNet as a search space."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from tests.search.contract import SpaceContract, seeded
from vireid.errors import SettingsError
from vireid.search import BNSeparation, CombinedDepth, INPlacement, JointNorm

OTHER = "cdnet_x0_25:3x7-1,5x9-2,3x5-2,7x9-1,5x7-1,3x9-2"


class TestJointNormOfCDNet(SpaceContract):
    space = JointNorm("cnet_x0_25", candidates=("shared_bn", "separate_bn", "in"), tie="block")


def test_counts_of_the_published_networks() -> None:
    """1 in the stem, 2 in halvings; in a block squeeze, restore, one for each depthwise block, and expand where channels change."""
    roles = Counter(norm.role for norm in JointNorm("cdnet_x1_0").norms)
    assert roles == {"stem": 1, "transition": 2, "downsample": 3, "squeeze": 9, "restore": 9, "depthwise": 42}
    stages = {norm.name.split(".")[1]: norm.stage for norm in JointNorm("cnet_x1_0").norms if norm.stage}
    assert stages == {"0": 1, "1": 1, "2": 1, "3": 2, "4": 2, "5": 2, "6": 3, "7": 3}


def test_a_found_genotype_is_a_backbone() -> None:
    space = BNSeparation(OTHER)
    assert {"stem_separate", "stages_1", "stages_1_2", "only_stage_3", "only_downsample"} <= set(space.baselines())
    child = space.materialise(space.baseline("all_shared"))
    depth = CombinedDepth("cdnet", width=0.25)
    same = depth.materialise(depth.from_names(OTHER.partition(":")[2].split(",")))
    same.load_state_dict(child.state_dict())
    images = torch.rand(4, 3, 64, 32, generator=seeded(0))
    assert torch.equal(child.eval()(images, 2), same.eval()(images, 2))
    assert (
        space.cost(space.baseline("all_shared"))["parameters"]
        == depth.cost(depth.from_names(OTHER.partition(":")[2].split(",")))["parameters"]
    )
    assert set(INPlacement(OTHER).baselines()) == {"all_shared", "all_in", "all_ibn"}


def test_both_modalities_have_their_own_statistics() -> None:
    space = BNSeparation("cdnet_x0_25")
    supernet = space.supernet().double().train()
    plain, separate = (supernet.derive_child(space.baseline(name)) for name in ("all_shared", "all_separate"))
    images = torch.rand(8, 3, 64, 32, generator=seeded(3), dtype=torch.float64)
    maps = separate(images, 4)
    torch.testing.assert_close(maps[:4], plain(images[:4], 4), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(maps[4:], plain(images[4:], 0), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("cdnet_x1_0:3x5-1", "behind the colon.* must name 6 of 3x5-1, "),
        ("cdnet_x1_0:3x5-1,3x7-2,5x7-2,5x9-1,5x7-2,5x7", "must name 6 of 3x5-1"),
        ("cdnet", "`backbone` must be one of resnet10, .*cdnet_x1_0"),
        ("resnet50:3x5-1", "`backbone` must be one of resnet10"),
    ],
)
def test_backbones_that_are_none(backbone: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        JointNorm(backbone=backbone)
    with pytest.raises(SettingsError, match="settings of ResNets; cdnet_x1_0 has none"):
        JointNorm(backbone="cdnet_x1_0", width=32)
