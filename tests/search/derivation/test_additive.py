"""A balanced design and its main effects."""

import pytest
import torch

from tests.search.derivation.toy import Additive, Toy, by, digits, uniform
from vireid.errors import SettingsError
from vireid.search.derivation import MainEffects
from vireid.search.derivation.additive import main_effects
from vireid.structures import generator_for


class Noisy(Additive):
    """Adds normal noise of deviation 1 to every score."""

    def __init__(self, seed: int, *values: tuple[float, ...]) -> None:
        super().__init__(*values)
        self.generator = generator_for((seed,))

    def __call__(self, genotype: object) -> float:
        return super().__call__(genotype) + float(torch.randn((), generator=self.generator))  # type: ignore[arg-type]


def test_finds_the_best_of_an_additive_score_and_tries_every_candidate_equally_often() -> None:
    space, score = Toy((3, 2, 3)), Additive((0, 5, 1), (2, 0), (0, 0, 7))
    result = MainEffects(12)(space, uniform(space), by(score), generator_for((0,)))
    assert digits(result.genotype) == "102"
    assert result.history[-1].genotype.choices == result.genotype.choices
    points = [digits(entry.genotype) for entry in result.history[:12]]
    assert [sorted(point[k] for point in points) for k in range(3)] == [sorted("012" * 4), sorted("01" * 6), sorted("012" * 4)]


def test_averages_noise_that_misleads_a_random_search() -> None:
    """An effect of 1 among noise of 1 over 40 points has a standard error of about 0.32 at each of four sites: right with P = 0.999."""
    space = Toy((2,) * 4)
    found = [digits(MainEffects(40)(space, uniform(space), by(Noisy(s, *[(0, 1)] * 4)), generator_for((s,))).genotype) for s in range(50)]
    assert sum(point == "1111" for point in found) >= 47


def test_tied_sites_are_one_group_and_ties_go_to_the_first() -> None:
    space = Toy((3, 3, 2), groups="xx ")
    result = MainEffects(6)(space, uniform(space), by(Additive((0, 1, 0), (0, 1, 0), (0, 0))), generator_for((0,)))
    assert digits(result.genotype) == "110"


def test_effects_are_those_of_least_squares() -> None:
    columns, scores = [[0, 0, 1, 1], [0, 1, 0, 1]], torch.tensor([1.0, 2.0, 5.0, 6.0], dtype=torch.float64)
    first, second = main_effects(columns, scores, ridge=1e-9)
    assert first.tolist() == pytest.approx([-2, 2], abs=1e-6)
    assert second.tolist() == pytest.approx([-0.5, 0.5], abs=1e-6)


@pytest.mark.parametrize("score", [-torch.inf, torch.inf, torch.nan])
def test_a_score_that_is_not_finite_counts_as_the_lowest(score: float) -> None:
    columns, scores = [[0, 0, 1, 1], [0, 1, 0, 1]], torch.tensor([1.0, 2.0, 5.0, score], dtype=torch.float64)
    for mine, theirs in zip(main_effects(columns, scores), main_effects(columns, scores.nan_to_num(1.0, 1.0, 1.0)), strict=True):
        assert torch.equal(mine, theirs)


def test_a_design_smaller_than_a_list_of_candidates_is_refused() -> None:
    with pytest.raises(SettingsError, match="`budget` must be at least 2, got 1"):
        MainEffects(1)
    space = Toy((4, 2))
    with pytest.raises(SettingsError, match="`budget` must be at least 4, got 3"):
        MainEffects(3)(space, uniform(space), by(Additive((0, 0, 0, 0), (0, 0))), generator_for((0,)))
