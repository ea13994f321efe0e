"""What every search space promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vireid.errors import GenotypeError
from vireid.models import Backbone
from vireid.nn import NormChoice
from vireid.search import SearchSpace, Site, space_of
from vireid.structures import Genotype


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def free_choices(space: SearchSpace) -> dict[str, list[Site]]:
    """Sites by group, written apart from the package's own grouping."""
    found: dict[str, list[Site]] = {}
    for site in space.sites():
        found.setdefault(f"group {site.group}" if site.group else f"site {site.name}", []).append(site)
    return found


def images() -> Tensor:
    return torch.randn(4, 3, 48, 32, generator=seeded(1), dtype=torch.float64)


class SpaceContract:
    """Inherit and give ``space``: a small one, in which every point runs in milliseconds."""

    space: SearchSpace

    def test_sites_are_named_once_and_always_the_same(self) -> None:
        sites = self.space.sites()
        assert len({site.name for site in sites}) == len(sites)
        assert sites == self.space.sites() == space_of(self.space.sample(seeded(0))).sites()

    def test_every_baseline_builds_and_survives_a_file(self, tmp_path: Path) -> None:
        assert self.space.baselines()
        for name, genotype in self.space.baselines().items():
            genotype.save(tmp_path / f"{name}.json")
            loaded = Genotype.load(tmp_path / f"{name}.json")
            assert loaded == genotype == self.space.baseline(name)
            self.space.validate(loaded)
            child = space_of(loaded).materialise(loaded)
            assert child(torch.randn(4, 3, 48, 32), 2).shape[:2] == (4, child.out_channels)

    def test_sample_is_a_function_of_the_generator(self) -> None:
        points = [self.space.sample(seeded(seed)) for seed in (0, 0, 1)]
        assert points[0] == points[1] != points[2]
        self.space.validate(points[2])
        assert self.space.baseline("random-1") == points[2]

    def test_samples_are_uniform(self) -> None:
        generator, draws = seeded(0), 400
        drawn = [self.space.sample(generator).choices for _ in range(draws)]
        for members in free_choices(self.space).values():
            counts = Counter(choices[members[0].name] for choices in drawn)
            share = 1 / len(members[0].candidates)
            deviation = (draws * share * (1 - share)) ** 0.5
            for candidate in members[0].candidates:  # 5 deviations: one false alarm in a million
                assert abs(counts[candidate] - draws * share) < 5 * deviation

    def test_tied_sites_are_always_equal(self) -> None:
        points = [self.space.sample(seeded(seed)) for seed in range(5)]
        points += [self.space.mutate(point, seeded(seed)) for seed, point in enumerate(points)]
        for point in points:
            for members in free_choices(self.space).values():
                assert len({point.choices[site.name] for site in members}) == 1

    def test_mutate_changes_exactly_one_free_choice(self) -> None:
        parent = self.space.sample(seeded(0))
        children = [self.space.mutate(parent, seeded(seed)) for seed in range(8)]
        tied = [{site.name for site in members} for members in free_choices(self.space).values()]
        changed = [set(parent.diff(child)) for child in children]
        assert all(names in tied for names in changed)
        assert len({min(names) for names in changed}) > 1
        assert children[3] == self.space.mutate(parent, seeded(3))

    def test_neighbours_are_every_single_change(self) -> None:
        parent = self.space.sample(seeded(0))
        codes = {tuple(self.space.encode(point)) for point in self.space.neighbours(parent)}
        expected = set()
        for position, members in enumerate(free_choices(self.space).values()):
            for index in range(len(members[0].candidates)):
                code = self.space.encode(parent)
                code[position] = index
                expected.add(tuple(code))
        assert codes == expected - {tuple(self.space.encode(parent))}
        assert len(self.space.neighbours(parent)) == len(codes)

    def test_codes_are_canonical(self) -> None:
        free = list(free_choices(self.space).values())
        zeros = self.space.decode([0] * len(free))
        assert zeros.choices == {site.name: site.candidates[0] for site in self.space.sites()}
        for seed in range(5):
            point = self.space.sample(seeded(seed))
            assert self.space.encode(point) == [m[0].candidates.index(point.choices[m[0].name]) for m in free]
            assert self.space.decode(self.space.encode(point)) == point

    def test_codes_that_mean_nothing(self) -> None:
        size = len(free_choices(self.space))
        with pytest.raises(GenotypeError, match=rf"has {size} numbers, got {size + 1}"):
            self.space.decode([0] * (size + 1))
        with pytest.raises(GenotypeError, match=r"must be 0 to \d+, got 99"):
            self.space.decode([99] * size)
        with pytest.raises(GenotypeError, match=r"must be 0 to \d+, got -1"):
            self.space.decode([-1] * size)

    def test_validate_lists_everything(self) -> None:
        good = self.space.sample(seeded(0))
        first, *_, last = good.choices
        choices = {**good.choices, first: "nonsense", f"{last}x": good.choices[last]}
        del choices[last]
        with pytest.raises(GenotypeError) as caught:
            self.space.validate(Genotype({**good.space, "class_path": "vireid.search.Other"}, choices))
        for part in (
            "belongs to 'vireid.search.Other'",
            f"did you mean {last!r}",
            f"no choice for {last}",
            f"{first} cannot be 'nonsense'",
        ):
            assert part in str(caught.value)

    def test_an_unknown_baseline_names_those_there_are(self) -> None:
        with pytest.raises(GenotypeError, match=r"no baseline 'random-x'.*choose from .*random-SEED"):
            self.space.baseline("random-x")

    @pytest.mark.parametrize("training", [True, False])
    def test_materialised_and_derived_children_are_one_network(self, training: bool) -> None:
        """Every candidate stands at every site once."""
        torch.manual_seed(0)
        supernet = self.space.supernet().double()
        perturb(supernet)
        free = list(free_choices(self.space).values())
        for turn in range(max(len(members[0].candidates) for members in free)):
            point = self.space.decode([(i + turn) % len(members[0].candidates) for i, members in enumerate(free)])
            derived = supernet.derive_child(point).train(training)
            built = self.space.materialise(point).double().train(training)
            built.load_state_dict(derived.state_dict())
            supernet.set_genotype(point)
            runs = [module(images(), 2) for module in (built, derived, supernet.train(training))]
            assert all(torch.equal(runs[0], other) for other in runs[1:])
            assert same(built.state_dict(), derived.state_dict())

    def test_children_carry_no_search_code(self) -> None:
        child = self.space.materialise(self.space.sample(seeded(0)))
        assert type(child) is Backbone
        assert not [m for m in child.modules() if isinstance(m, NormChoice) or type(m).__module__.startswith("vireid.search")]

    def test_cost_is_what_the_child_has(self) -> None:
        for point in (self.space.sample(seeded(0)), *self.space.baselines().values()):
            child = self.space.materialise(point)
            cost = self.space.cost(point)
            assert cost["parameters"] == sum(p.numel() for p in child.parameters())
            assert cost["running_statistics"] == sum(b.numel() for b in child.buffers() if b.is_floating_point())

    def test_costs_of_sites_add_up_to_that_of_the_point(self) -> None:
        for point in (self.space.sample(seeded(0)), *self.space.baselines().values()):
            costs = self.space.site_costs(point)
            assert list(costs) == [site.name for site in self.space.sites()]
            added = {name: sum(cost[name] for cost in costs.values()) for name in next(iter(costs.values()))}
            assert "extra_parameters" in added
            assert added.items() <= self.space.cost(point).items()

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("modality_specific_sites", "modality_specific_sites"),
            ("unfoldable_sites", "unfoldable_sites"),
            ("parameters", "extra_parameters"),
            ("latency", "runtime_elements"),
        ],
    )
    def test_expected_cost_of_a_point_is_its_cost(self, kind: str, name: str) -> None:
        table = self.space.cost_table(kind)  # type: ignore[arg-type]
        assert table.shape == (len(self.space.sites()), max(len(site.candidates) for site in self.space.sites()))
        assert table.dtype == torch.float32
        assert float(table.min()) == 0.0
        assert float(table.max()) in (0.0, 1.0)
        costs, expected = [], []
        for point in (*map(self.space.sample, map(seeded, range(3))), *self.space.baselines().values()):
            index = torch.tensor([site.candidates.index(point.choices[site.name]) for site in self.space.sites()])
            expected.append(float((nn.functional.one_hot(index, table.shape[1]) * table.double()).sum()))
            costs.append(self.space.cost(point)[name])
        unit = max(costs) / max(expected) if max(expected) else 0.0  # what the dearest candidate costs
        torch.testing.assert_close(torch.tensor(expected) * unit, torch.tensor(costs, dtype=torch.float32))

    def test_state_dict_round_trip(self) -> None:
        supernet, other = self.space.supernet().double(), self.space.supernet().double()
        perturb(supernet)
        other.load_state_dict(supernet.state_dict())
        for module in (supernet, other):
            module.set_genotype(self.space.sample(seeded(0)))
        assert torch.equal(supernet.eval()(images(), 2), other.eval()(images(), 2))

    def test_settings_rebuild_the_space(self) -> None:
        again = space_of(self.space.sample(seeded(0)))
        assert again.identity() == self.space.identity()
        again.validate(self.space.sample(seeded(0)))


def perturb(module: nn.Module) -> None:
    """Make every normalisation differ from its neighbours, so that a mix-up shows."""
    generator = seeded(2)
    with torch.no_grad():
        for value in (*module.parameters(), *module.buffers()):
            if value.dim() == 1:
                value.add_(torch.rand(value.shape, generator=generator, dtype=torch.float64))


def same(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return mine.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in mine.items())
