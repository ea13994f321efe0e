"""Random search and regularised evolution against what theory says of them."""

from itertools import pairwise
from math import comb

from tests.search.derivation.toy import Additive, Toy, by, digits, uniform
from vireid.search.derivation import Evolution, RandomSearch
from vireid.structures import generator_for

BITS = 12
ONES = [(0.0, 1.0)] * BITS  # score: number of ones


def test_random_search_hits_the_best_of_nine_points_as_often_as_it_should() -> None:
    space, seeds, budget = Toy((3, 3)), 400, 5
    best = [
        digits(RandomSearch(budget)(space, uniform(space), by(Additive((0, 0, 1), (2, 0, 0))), generator_for((seed,))).genotype) == "20"
        for seed in range(seeds)
    ]
    expected = 1 - (8 / 9) ** budget  # 0.445
    assert abs(sum(best) / seeds - expected) < 4 * (expected * (1 - expected) / seeds) ** 0.5


def test_random_search_counts_a_repeated_point_but_scores_it_once() -> None:
    space, score = Toy((2,)), Additive((0, 1))
    result = RandomSearch(20)(space, uniform(space), by(score), generator_for((1,)))
    assert len(result.history) == 20
    assert sorted(score.children) == ["0", "1"]
    assert digits(result.genotype) == "1"


def test_evolution_beats_random_search_on_a_separable_toy() -> None:
    """Random search finds the largest of 100 binomial numbers, whose mean is known; evolution must be better by a whole bit."""
    space, budget, seeds = Toy((2,) * BITS), 100, 30
    below = [sum(comb(BITS, i) for i in range(k)) / 2**BITS for k in range(BITS + 1)]  # P(ones < k)
    expected = sum(1 - below[k] ** budget for k in range(1, BITS + 1))  # 9.98
    means = []
    for derivation in (RandomSearch(budget), Evolution(budget, population=10, tournament=5)):
        found = [digits(derivation(space, uniform(space), by(Additive(*ONES)), generator_for((seed,))).genotype) for seed in range(seeds)]
        means.append(sum(point.count("1") for point in found) / seeds)
    assert abs(means[0] - expected) < 0.5, "the deviation of one run is about 0.7, of the mean about 0.13"
    assert means[1] > expected + 1


def test_a_population_of_one_is_a_walk_because_the_oldest_dies_however_good() -> None:
    space = Toy((2,) * BITS)
    walk = [digits(e.genotype) for e in Evolution(50, 1, 1)(space, uniform(space), by(Additive(*ONES)), generator_for((4,))).history]
    changes = [sum(a != b for a, b in zip(first, second, strict=True)) for first, second in pairwise(walk)]
    assert changes == [1] * 49
    assert min(b.count("1") - a.count("1") for a, b in pairwise(walk)) == -1, "a worse child replaces its parent"


def test_a_tournament_of_everyone_breeds_from_the_best_alive() -> None:
    """Drawn with replacement, 200 of a population of 3 contain the best with probability 1 - (2/3) ** 200."""
    space = Toy((3,) * 6)
    values = [(0.0, 3.0**i, 2 * 3.0**i) for i in range(6)]  # no two points have the same score
    derivation = Evolution(40, 3, 3)
    derivation.tournament = 200
    history = derivation(space, uniform(space), by(Additive(*values)), generator_for((5,))).history
    for index in range(3, 40):
        parent = max(history[index - 3 : index], key=lambda entry: entry.score)
        assert len(parent.genotype.diff(history[index].genotype)) == 1


def test_a_population_as_large_as_the_budget_is_random_search() -> None:
    space = Toy((3, 3, 3))
    results = [
        derivation(space, uniform(space), by(Additive((0, 1, 2), (0, 1, 2), (0, 1, 2))), generator_for((6,)))
        for derivation in (RandomSearch(15), Evolution(15, 15, 5))
    ]
    assert results[0] == results[1]


def test_the_answer_is_the_best_ever_seen() -> None:
    space = Toy((2,) * BITS)
    result = Evolution(60, 2, 1)(space, uniform(space), by(Additive(*ONES)), generator_for((7,)))
    assert digits(result.genotype).count("1") == max(entry.score for entry in result.history)
