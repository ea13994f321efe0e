"""Perturbation: a candidate is worth what its removal costs."""

import pytest
import torch

from tests.search.derivation.toy import Additive, Toy, by, digits, uniform
from vireid.search.derivation import Argmax, Perturbation
from vireid.structures import Genotype, generator_for


@pytest.mark.parametrize("renormalise", [True, False])
def test_it_finds_the_optimum_of_an_additive_toy_from_uniform_weights(renormalise: bool) -> None:
    space = Toy((3, 2, 4, 3))
    values = (0.2, 0.9, 0.4), (0.8, 0.1), (0.3, 0.2, 0.1, 0.6), (0.5, 0.4, 0.3)
    score = Additive(*values)
    result = Perturbation(renormalise)(space, uniform(space), by(score), generator_for((1,)))
    assert digits(result.genotype) == "1030"
    assert len(score.mixtures) == 3 + 2 + 4 + 3
    assert score.children == ["1030"], "the child is scored at the end"
    assert len(result.history) == Perturbation().evaluations(space.sites()) == 13


def test_removal_by_hand() -> None:
    """Without the first candidate 2.0 is left, without the second 1.0: the second is missed more, although it weighs less."""
    space, score = Toy((2,)), Additive((1.0, 2.0))
    probabilities = {"a": [0.9, 0.1]}
    result = Perturbation()(space, probabilities, by(score), generator_for((1,)))
    assert [weights.tolist() for weights in score.mixtures] == [[[0.0, 1.0]], [[1.0, 0.0]]]
    assert [(entry.without, entry.score) for entry in result.history] == [("a: 0", 2.0), ("a: 1", 1.0), ("", 2.0)]
    assert digits(result.genotype) == "1"
    assert digits(Argmax()(space, probabilities, by(score), generator_for((1,))).genotype) == "0"

    plain = Additive((1.0, 2.0))  # without scaling up, 0.1 * 2.0 or 0.9 * 1.0 are left
    result = Perturbation(renormalise=False)(space, probabilities, by(plain), generator_for((1,)))
    torch.testing.assert_close(plain.mixtures[0], torch.tensor([[0.0, 0.1]]))
    torch.testing.assert_close(plain.mixtures[1], torch.tensor([[0.9, 0.0]]))
    assert digits(result.genotype) == "0"


def test_later_decisions_see_earlier_ones() -> None:
    """Two sites that are good only if they agree: whichever decides first, the other follows."""

    class Agree(Additive):
        def mixture(self, weights: torch.Tensor) -> float:
            self.mixtures.append(weights)
            return float(weights[0] @ weights[1]) + 0.1 * float(weights[0, 1])

        def __call__(self, genotype: Genotype) -> float:
            return float(genotype.choices["a"] == genotype.choices["b"])

    orders = set()
    for seed in range(8):
        score = Agree()
        space = Toy((2, 2))
        result = Perturbation()(space, uniform(space), by(score), generator_for((seed,)))
        orders.add(result.history[0].without[0])
        decided = score.mixtures[2]["ab".index(result.history[0].without[0])]
        assert sorted(decided.tolist()) == [0.0, 1.0], "fixed before the second site is tried"
        assert result.genotype.choices["a"] == result.genotype.choices["b"]
    assert orders == {"a", "b"}, "the order is random"


def test_tied_sites_are_one_decision_and_single_candidates_none() -> None:
    space = Toy((2, 1, 2), groups="x x")
    score = Additive((0.0, 1.0), (7.0,), (1.5, 0.0))
    result = Perturbation()(space, uniform(space), by(score), generator_for((1,)))
    assert len(score.mixtures) == 2
    assert digits(result.genotype) == "000", "together the first candidates are worth 1.5"
    assert result.history[0].without == "a, c: 0"
    assert all(torch.equal(weights[0], weights[2]) for weights in score.mixtures)


def test_weights_that_vanish_with_the_removed_candidate_become_uniform() -> None:
    space, score = Toy((3,)), Additive((0.0, 1.0, 2.0))
    Perturbation()(space, {"a": [1.0, 0.0, 0.0]}, by(score), generator_for((1,)))
    assert score.mixtures[0].tolist() == [[0.0, 0.5, 0.5]]
