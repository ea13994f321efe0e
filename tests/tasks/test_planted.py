"""Planted tasks: the alterations are what they claim, one candidate undoes each, and a search finds where they are."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.tasks.planted import CONTROL, TASKS, Run, differences, planted_sites, recovery_report, results, searches, truth_report
from tests.tasks.planted_alterations import Affine, ImageAffine, InfraredAffine, plant
from tests.tasks.planted_people import PEOPLE, TRAINED, K, P, Pairs, mean_average_precision
from vireid.models import ReIDNetwork
from vireid.nn.norm.norm_candidates import norm_candidate
from vireid.structures import Batch, SearchBatch

ROWS, VISIBLE, CHANNELS = 6, 2, 5


def rows() -> Tensor:
    return torch.randn(ROWS, CHANNELS, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def normalised(candidate: str, x: Tensor) -> Tensor:
    bn = nn.BatchNorm2d(CHANNELS, eps=1e-12).double()
    layer = norm_candidate(candidate)(bn)
    for module in layer.modules():
        if hasattr(module, "n_visible"):
            module.n_visible = VISIBLE
    return layer(x)


@pytest.mark.parametrize(
    ("alteration", "undone", "not_undone"),
    [(InfraredAffine, ("separate_bn", "in"), ("shared_bn",)), (ImageAffine, ("in",), ("shared_bn", "separate_bn"))],
)
def test_which_candidates_undo_an_alteration(alteration: type[Affine], undone: tuple[str, ...], not_undone: tuple[str, ...]) -> None:
    altered = alteration(CHANNELS, (3,))(rows(), VISIBLE)
    for candidate in undone:
        assert torch.allclose(normalised(candidate, altered), normalised(candidate, rows()), atol=1e-8)
    for candidate in not_undone:
        assert (normalised(candidate, altered) - normalised(candidate, rows())).abs().max() > 0.5


def test_a_fixed_alteration_stays_and_spares_visible_rows() -> None:
    alteration = InfraredAffine(CHANNELS, (3,))
    first = alteration(rows(), VISIBLE)
    assert torch.equal(first[:VISIBLE], rows()[:VISIBLE])
    assert torch.equal(alteration(rows(), ROWS), rows())
    alone = alteration(rows()[VISIBLE:] * 1.0, 0)
    assert torch.equal(alone, first[VISIBLE:]), "the same map without visible rows beside them, as in evaluation"
    slope = (alteration(2 * rows(), VISIBLE) - first)[VISIBLE:] / rows()[VISIBLE:]
    assert torch.allclose(slope, slope[0, :, :1, :1].expand_as(slope)), "affine, one scale per channel"


def test_an_alteration_of_images_is_drawn_anew_and_repeats_by_key() -> None:
    one, other = ImageAffine(CHANNELS, (3,)), ImageAffine(CHANNELS, (3,))
    first, second = one(rows(), VISIBLE), one(rows(), VISIBLE)
    assert not torch.isclose(first, second).any()
    assert torch.equal(other(rows(), VISIBLE), first)
    assert torch.equal(other(rows(), VISIBLE), second)


@pytest.mark.parametrize("child", [False, True])
def test_a_plant_reaches_supernets_and_children_at_its_sites_alone(child: bool) -> None:
    torch.manual_seed(0)
    space = TASKS["separation"].space()
    network = ReIDNetwork(space.materialise(space.baselines()["all_shared"]) if child else space.supernet(), 3)
    plant(network, TASKS["separation"].alterations("12", seed=0))
    seen: dict[str, Tensor] = {}
    for name in ("layer1.0.bn1", "layer1.0.bn2"):

        def keep(_: nn.Module, inputs: tuple[Tensor], name: str = name) -> None:
            seen[name] = inputs[0]

        network.backbone.trunk.get_submodule(name).register_forward_pre_hook(keep)  # after the plant's, so it sees what the norm sees
    network(torch.randn(4, 3, 48, 24, generator=torch.Generator().manual_seed(0)), 2)
    ratio = {name: rows[2:].std() / rows[:2].std() for name, rows in seen.items()}
    assert 0.8 < ratio["layer1.0.bn1"] < 1.25
    assert ratio["layer1.0.bn2"] > 1.5  # how much depends on the initial weights


def test_batches_hold_people_in_runs_and_never_mix_the_two_parts() -> None:
    people = torch.arange(PEOPLE, dtype=torch.uint8)[:, None, None, None, None, None].expand(PEOPLE, 2, 8, 3, 8, 4)
    first, second = list(Pairs(people, seed=1, steps=2, search=True))
    assert isinstance(first, SearchBatch)
    for batch, low, high in ((first.weights, 0, TRAINED), (first.architecture, TRAINED, PEOPLE)):
        assert batch.n_visible == P * K
        assert torch.equal(batch.pids[: P * K], batch.pids[P * K :])
        assert torch.equal(batch.pids.view(2, P, K)[..., 0], batch.pids.view(2, P, K)[..., 1])
        assert low <= batch.pids.min() <= batch.pids.max() < high
    assert not torch.equal(first.weights.pids, second.weights.pids)
    again = next(iter(Pairs(people, seed=1, steps=2, search=False)))
    assert isinstance(again, Batch)
    assert torch.equal(again.images, first.weights.images)


def test_reports_rank_by_the_difference_from_the_control() -> None:
    sites = [site.name for site in TASKS["separation"].space().sites()]
    control = {site: [0.1, 0.9] if site == "bn1" else [0.8, 0.2] for site in sites}
    found = {Run("separation", CONTROL, 0, "gumbel"): control}
    for stages, p in (("12", 0.8), ("23", 0.1)):
        found[Run("separation", stages, 0, "gumbel")] = {
            site: [1 - p, p] if site in planted_sites(stages) else values for site, values in control.items()
        }
    ranked = differences(TASKS["separation"], found[Run("separation", "12", 0, "gumbel")], control)
    assert list(ranked)[:2] == planted_sites("12")
    assert list(ranked.values())[:3] == pytest.approx([0.6, 0.6, 0.0])
    lines = list(recovery_report(found))
    assert [line for line in lines if not line.startswith(" ")] == ["separation 12 gumbel: 1/1", "separation 23 gumbel: 0/1"]
    assert "layer1.0.bn2 1 (+0.60), layer2.0.bn2 2 (+0.60); best other bn1 (+0.00)" in lines[1]
    runs = {Run("instance", "12", 3, genotype=name): value for name, value in (("truth", 0.5), ("shared", 0.25), ("all", 0.125))}
    assert list(truth_report(runs)) == ["instance 12 seed 3: mAP truth 0.500, shared 0.250, all 0.125"]


def test_mean_average_precision_of_pixels_that_name_the_person() -> None:
    class Mean(nn.Module):
        def embed(self, images: Tensor, n_visible: int) -> Tensor:
            mean = images.mean(dim=(1, 2, 3))
            return torch.stack([torch.cos(mean), torch.sin(mean)], dim=1)

    people = torch.arange(PEOPLE, dtype=torch.uint8)[:, None, None, None, None, None].expand(PEOPLE, 2, 8, 3, 8, 4)
    assert mean_average_precision(Mean(), people) == pytest.approx(1.0)  # type: ignore[arg-type]  # all that is used of a network
    shuffled = torch.stack([people[:, 0], people.flip(0)[:, 1]], dim=1)
    assert mean_average_precision(Mean(), shuffled) < 0.2  # type: ignore[arg-type]


def test_a_search_finds_the_early_pair_and_results_are_kept(tmp_path: Path) -> None:
    runs = [Run("separation", stages, 101, "softmax", alternating=6) for stages in (CONTROL, "12")]  # a seed of development: not a score
    control, planted = results(runs, tmp_path).values()
    assert set(list(differences(TASKS["separation"], planted, control))[:2]) == set(planted_sites("12"))
    written = (tmp_path / "planted.jsonl").read_text()
    assert list(results(runs, tmp_path).values()) == [control, planted]
    assert (tmp_path / "planted.jsonl").read_text() == written, "nothing is computed twice"


@pytest.mark.slow
def test_searches_find_planted_pairs_far_above_chance(tmp_path: Path) -> None:
    found = results(searches(["separation"], [0, 1], ["gumbel", "softmax"]), tmp_path)
    hits = [line.rpartition(" ")[2] for line in recovery_report(found) if not line.startswith(" ")]
    assert len(hits) == 6
    assert sum(int(hit.partition("/")[0]) for hit in hits) >= 6  # of 12; by chance 1 of 66 each


@pytest.mark.slow
@pytest.mark.parametrize("name", ["separation", "instance"])
def test_the_claimed_truth_beats_the_candidate_nowhere(name: str, tmp_path: Path) -> None:
    stages = TASKS[name].sets[-1]
    truth, shared = results([Run(name, stages, 0, genotype=genotype) for genotype in ("truth", "shared")], tmp_path).values()
    assert truth > shared
