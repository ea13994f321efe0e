"""Which genotypes a study trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from vireid.commands.study.networks import networks, stratified_sample, write_genotypes
from vireid.commands.study.settings import StudySettings
from vireid.errors import GenotypeError, SettingsError
from vireid.search import BNSeparation, JointNorm

SPACE = BNSeparation("resnet18", width=8)


def settings(**changed: Any) -> StudySettings:
    least = {"data": [], "space": SPACE.settings(), "searches": {"joint": [], "bn": []}, "retrain": [], "random": 3}
    return StudySettings.from_dict({**least, "genotypes": ["all_shared", "all_separate"], **changed})


def test_searched_baselines_random_and_stratified_in_order() -> None:
    found = {network.name: network for network in networks(settings(search_seeds=[4, 7], fidelity={"search": "bn", "genotypes": 9}), SPACE)}
    assert list(found) == [
        *("joint-search4", "joint-search7", "bn-search4", "bn-search7", "all_shared", "all_separate"),
        *("random-0", "random-1", "random-2", "stratified-0", "stratified-1", "stratified-2", "stratified-3"),
    ]
    assert (found["bn-search7"].search, found["bn-search7"].path) == ("search/bn-seed7", Path("search/bn-seed7/genotype.json"))
    assert found["bn-search7"].group == "searched (bn)"
    assert [name for name, network in found.items() if network.ranked] == list(found)[4:]
    assert [name for name, network in found.items() if not network.tested] == list(found)[9:]
    assert found["all_separate"].genotype == SPACE.baselines()["all_separate"]


def test_random_networks_are_uniform_points_named_by_their_seed() -> None:
    found = {network.name: network.genotype for network in networks(settings(), SPACE)}
    assert found["random-2"] == SPACE.sample(torch.Generator().manual_seed(2))
    assert not any(network.ranked for network in networks(settings(), SPACE))


def test_fewer_ranked_genotypes_than_there_are_take_random_ones_first() -> None:
    found = networks(settings(fidelity={"search": "bn", "genotypes": 4}), SPACE)
    assert [network.name for network in found if network.ranked] == ["all_shared", "random-0", "random-1", "random-2"]


@pytest.mark.parametrize("space", [SPACE, JointNorm(backbone="resnet18", width=8), JointNorm(backbone="resnet18", width=8, tie="stage")])
def test_stratified_samples_depart_at_the_share_that_is_asked_for(space: JointNorm) -> None:
    first = space.baselines()["all_shared"]
    sites = len(space.encode(first))
    for share in (0.0, 0.3, 1.0):
        sample = stratified_sample(space, share, seed=1)
        departures = sum(index != 0 for index in space.encode(sample))
        assert departures == round(share * sites)
        assert sample == stratified_sample(space, share, seed=1)
    assert stratified_sample(space, 0.3, seed=1) != stratified_sample(space, 0.3, seed=2)


def test_an_unknown_baseline_lists_the_known_ones() -> None:
    with pytest.raises(GenotypeError, match=r"There is no baseline 'all_share' \(did you mean 'all_shared'\?\)"):
        networks(settings(genotypes=["all_share"], reference="all_share"), SPACE)


def test_files_are_kept_and_checked(tmp_path: Path) -> None:
    found = networks(settings(), SPACE)
    write_genotypes(found, tmp_path)
    write_genotypes(found, tmp_path)
    assert sorted(path.name for path in (tmp_path / "genotypes").iterdir()) == [
        *("all_separate.json", "all_shared.json", "random-0.json", "random-1.json", "random-2.json")
    ]
    SPACE.baselines()["all_shared"].save(tmp_path / "genotypes" / "random-0.json")
    with pytest.raises(GenotypeError, match="is not random-0 of this study any more"):
        write_genotypes(found, tmp_path)


def test_baselines_of_a_freer_space_are_not_ranked_where_they_are_no_points() -> None:
    tied = JointNorm(backbone="resnet18", width=8, tie="stage")
    free = {"class_path": "vireid.search.JointNorm", "init_args": {"backbone": "resnet18", "width": 8}}
    chosen = settings(genotypes=["all_shared", "ibn_a"], baseline_space=free, fidelity={"search": "bn", "genotypes": 12})
    found = {network.name: network for network in networks(chosen, tied)}
    assert found["ibn_a"].genotype == JointNorm(backbone="resnet18", width=8).baselines()["ibn_a"]
    assert (found["all_shared"].ranked, found["ibn_a"].ranked) == (True, False)
    assert sum(network.ranked for network in found.values()) == 12
    wrong = settings(baseline_space={"class_path": "vireid.tasks.SGD", "init_args": {}})
    with pytest.raises(SettingsError, match=r"`baseline_space` must name a search space, got 'vireid.tasks.SGD'"):
        networks(wrong, tied)
