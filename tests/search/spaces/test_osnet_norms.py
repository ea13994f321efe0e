"""Normalisations of OSNets as a search space."""

from __future__ import annotations

import pytest
import torch

from tests.search.contract import SpaceContract, perturb, seeded
from vireid.errors import GenotypeError, MissingFileError, SettingsError
from vireid.models import Backbone, build_osnet
from vireid.search import BNSeparation, INPlacement, JointNorm, OSNetAIN

IMAGES = torch.rand(4, 3, 64, 32, generator=seeded(3), dtype=torch.float64)


class TestJointNormOfOSNet(SpaceContract):
    space = JointNorm("osnet_x0_25", candidates=("shared_bn", "separate_bn", "in"), tie="block")


OTHER = "osnet_ain_x0_25:out,none,inout,in,none,in"


def test_what_is_instance_normalised_already_is_no_site() -> None:
    plain, ain = ({norm.name for norm in JointNorm(f"osnet_{name}x0_25").norms} for name in ("", "ain_"))
    assert plain - ain == {"conv1.bn", *(f"{block}.conv3.bn" for block in ("conv2.0", "conv2.1", "conv3.1", "conv4.0"))}
    assert len(plain) == 79


def test_baselines_of_osnet() -> None:
    separations = {"stem_separate", "stages_2", "stages_2_3", "stages_2_3_4", "only_stage_5", "only_downsample"}
    assert set(BNSeparation("osnet_x1_0").baselines()) == {"all_shared", "all_separate"} | separations
    assert set(INPlacement("osnet_x1_0").baselines()) == {"all_shared", "all_in", "all_ibn", "osnet_ain"}
    assert set(BNSeparation("osnet_ain_x1_0").baselines()) == {"all_shared", "all_separate"} | separations - {"stem_separate"}
    assert set(INPlacement("osnet_ibn_x1_0").baselines()) == {"all_shared", "all_in", "all_ibn"}
    chosen = BNSeparation("osnet_x1_0").baseline("stages_2").choices
    separate = {name for name, candidate in chosen.items() if candidate == "separate_bn"}
    assert separate == {name for name in chosen if name.startswith(("conv1", "conv2", "pool2"))}


def test_osnet_ain_is_a_point_of_the_placements_of_plain_osnet() -> None:
    """The published network and the point give equal maps from equal values; its names differ where IN took the place of BN."""
    space = INPlacement("osnet_x0_25")
    child = space.materialise(space.baseline("osnet_ain")).double()
    published = Backbone(build_osnet("osnet_ain_x0_25")).double()
    perturb(published)
    ours = {
        name: value for name, value in published.state_dict().items() if ".IN." not in name
    } | {name.replace(".IN.", ".conv3.bn."): value for name, value in published.state_dict().items() if ".IN." in name}  # fmt: skip
    child.load_state_dict(ours)
    for training in (True, False):
        assert torch.equal(child.train(training)(IMAGES, 2), published.train(training)(IMAGES, 2))


def test_a_found_genotype_is_a_backbone() -> None:
    """What a search of placements found goes on as the trunk of a search of its batch norms."""
    norms, blocks = BNSeparation(OTHER), OSNetAIN("x0_25")
    found = blocks.genotype(dict(zip((site.name for site in blocks.sites()), OTHER.partition(":")[2].split(","), strict=True)))
    child, same = norms.materialise(norms.baseline("all_shared")).double(), blocks.materialise(found).double()
    same.load_state_dict(child.state_dict())
    assert torch.equal(child.train()(IMAGES, 2), same.train()(IMAGES, 2))
    assert norms.cost(norms.baseline("all_shared"))["parameters"] == blocks.cost(found)["parameters"]
    assert [site.name for site in norms.sites() if site.role == "conv3"] == [f"conv{block}.conv3.bn" for block in ("2.0", "2.1", "4.0")]


def test_both_modalities_have_their_own_statistics() -> None:
    """Each half of a batch leaves a separated network as if it had been alone in the plain one of equal weights."""
    space = BNSeparation("osnet_x0_25")
    supernet = space.supernet().double().train()
    plain, separate = (supernet.derive_child(space.baseline(name)) for name in ("all_shared", "all_separate"))
    images = torch.cat([IMAGES, 3 * IMAGES.flip(0) - 1])
    maps = separate(images, 4)
    torch.testing.assert_close(maps[:4], plain(images[:4], 4), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(maps[4:], plain(images[4:], 0), rtol=1e-9, atol=1e-9)


def test_pretrained_weights_come_from_a_file(tmp_path) -> None:
    trunk = build_osnet("osnet_x0_25")
    torch.save(trunk.state_dict(), tmp_path / "osnet.pth")
    space = BNSeparation("osnet_x0_25", sites=["conv1.bn"])
    for network in (
        space.supernet(str(tmp_path / "osnet.pth")),
        space.materialise(space.baseline("all_shared"), str(tmp_path / "osnet.pth")),
    ):
        state = network.trunk.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in trunk.state_dict().items() if not name.startswith("conv1.bn"))
    with pytest.raises(MissingFileError, match="no file of weights 'IMAGENET1K_V1'"):
        space.supernet("IMAGENET1K_V1")


def test_what_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"`backbone` must be one of resnet10, .*osnet_ain_x1_0.*, got 'osnet'"):
        JointNorm(backbone="osnet")
    for settings in ({"width": 32}, {"last_stride": 2}):
        with pytest.raises(SettingsError, match="settings of ResNets; osnet_x1_0 has none"):
            BNSeparation("osnet_x1_0", **settings)  # type: ignore[arg-type]
    for wrong in ("in,in", "in,in,none,in,in,ibn"):
        with pytest.raises(
            SettingsError,
            match=r"behind the colon.* must name one of none, in, out, inout for each of 6 blocks",
        ):
            BNSeparation(f"osnet_ain_x1_0:{wrong}")
    genotype = BNSeparation("osnet_x0_25").baseline("all_shared")
    with pytest.raises(GenotypeError, match="for every site of a ResNet"):
        genotype.to_cmnas_cfg("list.cfg")
