"""What the genotype argument of retraining may be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vireid.errors import GenotypeError, MissingFileError, SettingsError
from vireid.search import BNSeparation, CombinedDepth, INPlacement, JointNorm, OSNetAIN, SearchSpace, read_genotype, resolve_genotype
from vireid.tasks import RetrainModule

SPACE = INPlacement("resnet10", width=8)


def test_names_of_baselines_and_random_points() -> None:
    assert resolve_genotype("ibn_a", SPACE) == SPACE.baselines()["ibn_a"]
    assert resolve_genotype("random-3", SPACE) == SPACE.sample(torch.Generator().manual_seed(3))
    assert resolve_genotype("random-3", None) == BNSeparation().sample(torch.Generator().manual_seed(3))


def test_a_random_point_is_trained_and_remembered() -> None:
    module = RetrainModule(4, "random-3", SPACE, weights=None)
    assert module.settings()["init_args"]["genotype"]["choices"] == dict(SPACE.baseline("random-3").choices)


@pytest.mark.parametrize("name", ["ibn_c", "random", "random-", "random--1", "random-1.5", "stem_separate"])
def test_other_names_are_an_error_that_lists_those_there_are(name: str) -> None:
    message = f"neither a file nor a baseline: '{name}'.*choose from all_shared, all_in, all_ibn, ibn_a, ibn_b or random-SEED"
    with pytest.raises(GenotypeError, match=message):
        resolve_genotype(name, SPACE)


LISTS = {
    "r50.cfg": " ".join("01"[i % 2] for i in range(53)),
    "ain.txt": "OSBlockINv1 OSBlockINv1 OSBlock OSBlockINv1 OSBlockINv1 OSBlock",
    "cdnet.json": json.dumps({"layers": [[3, 5, 1], [3, 7, 2], [5, 7, 2], [5, 9, 1], [5, 7, 2], [5, 7, 1]]}),
}
SPACES = {"r50.cfg": BNSeparation(), "ain.txt": OSNetAIN(), "cdnet.json": CombinedDepth()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in LISTS.items():
        (tmp_path / name).write_text(content)
    SPACES["ain.txt"].baseline("osnet_ain").save(tmp_path / "ours.json")
    return tmp_path


@pytest.mark.parametrize("name", [*LISTS, "ours.json"])
def test_training_and_commands_read_the_same_files(folder: Path, name: str) -> None:
    read, resolved = read_genotype(folder / name), resolve_genotype(folder / name)
    assert (read.choices, read.provenance) == (resolved.choices, resolved.provenance)
    space = SPACES.get(name, OSNetAIN())
    space.validate(read)
    assert resolved.space == space.identity()  # all arguments, also those that the file does not tell


def test_a_list_of_osnet_ain_is_trained(folder: Path) -> None:
    module = RetrainModule(4, str(folder / "ain.txt"), OSNetAIN("x0_25"), weights=None)
    assert module.genotype == OSNetAIN("x0_25").baseline("osnet_ain")


@pytest.mark.parametrize("space", [JointNorm(), BNSeparation(last_stride=2)])
def test_a_list_is_a_point_of_the_space_that_is_given(folder: Path, space: JointNorm) -> None:
    found = resolve_genotype(folder / "r50.cfg", space)
    assert found.space == space.identity()
    assert list(found.choices) == [site.name for site in space.sites()]


@pytest.mark.parametrize(
    ("name", "space", "error", "message"),
    [
        ("r50.cfg", BNSeparation("resnet10"), GenotypeError, "holds 53 values, but resnet10 has 12 sites"),
        ("r50.cfg", BNSeparation(sites=("layer1.*",)), GenotypeError, "there is no site 'bn1'"),
        ("r50.cfg", JointNorm(backbone="osnet_x0_25"), SettingsError, "A CM-NAS list is of a ResNet .*, not of 'vireid.models.OSNet'"),
        ("ain.txt", BNSeparation(), SettingsError, "must be one of osnet_ain_x1_0, .*, got 'resnet50'"),
        ("ain.txt", CombinedDepth(), GenotypeError, "belongs to 'vireid.search.OSNetAIN', not to 'vireid.search.CombinedDepth'"),
        ("cdnet.json", CombinedDepth("cnet"), GenotypeError, "layers that this CombinedDepth does not have"),
        ("ours.json", OSNetAIN("x0_5"), GenotypeError, "its `width` is 'x1_0', not 'x0_5'"),
    ],
)
def test_files_of_another_space(folder: Path, name: str, space: SearchSpace, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        resolve_genotype(folder / name, space)


@pytest.mark.parametrize("ending", [".json", ".cfg", ".txt"])
def test_a_name_with_the_ending_of_a_file_is_a_file(tmp_path: Path, ending: str) -> None:
    with pytest.raises(MissingFileError, match="There is no genotype file"):
        resolve_genotype(tmp_path / f"none{ending}")


def test_a_trunk_by_its_class_is_understood(folder: Path) -> None:
    resnet = {"class_path": "vireid.models.ResNet", "init_args": {"name": "resnet50", "last_stride": 2}}
    assert read_genotype(folder / "r50.cfg", {"backbone": resnet}) == read_genotype(folder / "r50.cfg")
    with pytest.raises(SettingsError, match=r"A CM-NAS list is of a ResNet \(resnet10, .*\), not of 'mylib.MyTrunk'"):
        read_genotype(folder / "r50.cfg", {"backbone": {"class_path": "mylib.MyTrunk"}})
