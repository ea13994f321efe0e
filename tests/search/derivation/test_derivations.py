"""What all derivations have in common, and the two that trust the probabilities."""

import pytest
import torch

from tests.search.derivation.toy import Additive, Toy, by, digits, uniform
from vireid.errors import SettingsError
from vireid.search.derivation import Argmax, Derivation, Evolution, MainEffects, Perturbation, RandomSearch, SampledTop, mixture_weights
from vireid.settings import instantiate
from vireid.structures import generator_for

VALUES = (0.1, 0.7, 0.2), (0.5, 0.3, 0.9), (0.0, 0.4, 0.1)  # best: 1, 2, 1
ALL = [Argmax(), SampledTop(20), Perturbation(), Perturbation(renormalise=False), RandomSearch(30), Evolution(30, 6, 3), MainEffects(30)]


@pytest.mark.parametrize("derivation", ALL, ids=lambda d: type(d).__name__)
def test_contract(derivation: Derivation) -> None:
    space = Toy((3, 3, 3))
    skewed = {"a": [0.2, 0.5, 0.3], "b": [0.3, 0.3, 0.4], "c": [0.4, 0.3, 0.3]}
    score = Additive(*VALUES)
    result = derivation(space, skewed, by(score), generator_for((1,)))
    space.validate(result.genotype)
    again = derivation(space, skewed, by(Additive(*VALUES)), generator_for((1,)))
    assert result == again, "a function of the generator"
    assert len(score.children) + len(score.mixtures) <= derivation.evaluations(space.sites())
    assert len(set(score.children)) == len(score.children), "nothing is scored twice"
    for entry in result.history:
        if not entry.without:
            assert entry.score == Additive(*VALUES)(entry.genotype)
    rebuilt = instantiate(derivation.settings())
    assert type(rebuilt) is type(derivation)
    assert rebuilt.settings() == derivation.settings()


@pytest.mark.parametrize("derivation", ALL[1:], ids=lambda d: type(d).__name__)
def test_another_seed_another_history(derivation: Derivation) -> None:
    space = Toy((3,) * 6)
    first, second = (derivation(space, uniform(space), by(Additive(*VALUES, *VALUES)), generator_for((seed,))) for seed in (1, 2))
    assert first.history != second.history


@pytest.mark.parametrize("derivation", ALL, ids=lambda d: type(d).__name__)
def test_tied_sites_stay_equal_and_sites_may_have_different_numbers_of_candidates(derivation: Derivation) -> None:
    space = Toy((2, 3, 2, 1), groups="x x ")
    result = derivation(space, uniform(space), by(Additive((0, 1), (0, 1, 2), (0, 1), (0,))), generator_for((3,)))
    for genotype in (result.genotype, *(entry.genotype for entry in result.history)):
        space.validate(genotype)
        assert genotype.choices["a"] == genotype.choices["c"]


def test_argmax_takes_the_largest_and_the_first_of_equals_and_scores_nothing() -> None:
    score = Additive((0, 0, 9), (0, 0, 9))
    result = Argmax()(Toy((3, 3)), {"a": [0.2, 0.5, 0.3], "b": [0.4, 0.2, 0.4]}, by(score), generator_for((1,)))
    assert digits(result.genotype) == "10"
    assert result.history == ()
    assert score.children == []


def test_sampled_top_scores_the_argmax_first_and_each_draw_once() -> None:
    score = Additive((0, 1), (0, 1))
    result = SampledTop(200)(Toy((2, 2)), {"a": [0.6, 0.4], "b": [0.6, 0.4]}, by(score), generator_for((1,)))
    assert score.children[0] == "00"
    assert sorted(score.children) == ["00", "01", "10", "11"]
    assert digits(result.genotype) == "11"
    assert [entry.score for entry in result.history] == [sum(map(int, child)) for child in score.children]


def test_sampled_top_draws_by_the_probabilities() -> None:
    """A point of probability 0.1 * 0.2 is among 10 draws with probability 1 - 0.98 ** 10 = 0.183."""
    space = Toy((2, 2))
    probabilities = {"a": [0.9, 0.1], "b": [0.8, 0.2]}
    hits = 0
    for seed in range(500):
        score = Additive((0, 1), (0, 1))
        SampledTop(10)(space, probabilities, by(score), generator_for((seed,)))
        hits += "11" in score.children
    assert hits / 500 == pytest.approx(1 - 0.98**10, abs=4 * (0.183 * 0.817 / 500) ** 0.5)
    certain = SampledTop(10)(space, {"a": [1.0, 0.0], "b": [0.0, 1.0]}, by(Additive((0, 1), (0, 1))), generator_for((1,)))
    assert [digits(entry.genotype) for entry in certain.history] == ["01"]


def test_equal_scores_keep_the_argmax() -> None:
    result = SampledTop(50)(Toy((2, 2)), {"a": [0.6, 0.4], "b": [0.4, 0.6]}, by(Additive((0, 0), (0, 0))), generator_for((1,)))
    assert digits(result.genotype) == "01"


def test_mixture_weights_are_filled_up_with_zeros() -> None:
    table = mixture_weights(Toy((2, 3)).sites(), {"a": [0.4, 0.6], "b": [0.2, 0.3, 0.5]})
    torch.testing.assert_close(table, torch.tensor([[0.4, 0.6, 0.0], [0.2, 0.3, 0.5]]))


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ({"a": [0.5, 0.5], "c": [0.5, 0.5]}, "3 non-negative numbers, not all 0, for site 'b', got None"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.5], "c": [0.5, 0.5]}, "for site 'b', got \\[0.5, 0.5\\]"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.6, -0.1], "c": [0.5, 0.5]}, "for site 'b'"),
        ({"a": [0.0, 0.0], "b": [0.5, 0.5, 0.0], "c": [0.5, 0.5]}, "for site 'a'"),
        ({"a": [0.5, float("nan")], "b": [0.5, 0.5, 0.0], "c": [0.5, 0.5]}, "for site 'a'"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.5, 0.0], "c": [0.4, 0.6]}, "Sites 'a' and 'c' are tied, but their probabilities differ"),
    ],
)
@pytest.mark.parametrize("derivation", ALL[:3], ids=lambda d: type(d).__name__)
def test_probabilities_of_another_space_are_refused(derivation: Derivation, probabilities: dict[str, list[float]], message: str) -> None:
    space = Toy((2, 3, 2), groups="x x")
    with pytest.raises(SettingsError, match=message):
        derivation(space, probabilities, by(Additive((0, 1), (0, 1, 2), (0, 1))), generator_for((1,)))


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match="`samples` must be at least 1, got 0"):
        SampledTop(0)
    with pytest.raises(SettingsError, match="`budget` must be at least 1, got 0"):
        RandomSearch(0)
    with pytest.raises(SettingsError, match="`budget` must be at least 1, got 0"):
        Evolution(0)
    with pytest.raises(SettingsError, match="`population` must be at least 1"):
        Evolution(10, 0, 0)
    with pytest.raises(SettingsError, match="`tournament` must be at least 1"):
        Evolution(10, 5, 0)
    with pytest.raises(SettingsError, match="tournament of 6, a population of 5 and a budget of 10"):
        Evolution(10, 5, 6)
    with pytest.raises(SettingsError, match="population of 20 and a budget of 10"):
        Evolution(10, 20, 5)
