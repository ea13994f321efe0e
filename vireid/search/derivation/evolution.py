"""Baselines that know no probabilities: random search and regularised evolution on the same supernet."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import torch

from vireid.errors import SettingsError
from vireid.search.derivation.base import DerivationResult, Probabilities, Scored, Scorer, ScoringDerivation, require_at_least
from vireid.search.derivation.scored import History
from vireid.search.space import SearchSpace
from vireid.structures.sites import Site


class RandomSearch(ScoringDerivation):
    """The best of ``budget`` uniformly random points.

    With N points in the space, one of which is best, it is found with probability ``1 - (1 - 1/N) ** budget``.

    Args:
        budget: points to draw, at least 1; a point that is drawn again is not scored again.
        shared: arguments that all derivations with a score take.

    Raises:
        SettingsError: no budget.

    Reference:
        Li, Talwalkar: Random Search and Reproducibility for Neural Architecture Search, UAI 2019, arXiv 1902.07638 (random search
        with weight sharing, on a supernet that was trained with random paths).
    """

    uses_probabilities = False

    def __init__(self, budget: int = 100, **shared: Any) -> None:
        super().__init__(**shared)
        require_at_least("budget", budget)
        self.budget = budget

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:  # noqa: ARG002 (interface)
        history = History(scorer(self.score))
        for _ in range(self.budget):
            history.add(space.sample(generator))
        return history.result()

    def evaluations(self, sites: Sequence[Site]) -> int:  # noqa: ARG002 (interface)
        return self.budget


class Evolution(ScoringDerivation):
    """Regularised (ageing) evolution: the best of a random tournament has a mutant, and the oldest of the population dies.

    The tournament is drawn with replacement. The answer is the best point ever seen, dead or alive.

    Args:
        budget: points in all, the first population included; a point that comes up again is counted, but not scored again.
        population: points alive, at most ``budget``.
        tournament: points that compete for a mutant, at most ``population``.
        shared: arguments that all derivations with a score take.

    Raises:
        SettingsError: numbers that do not fit together.

    Reference:
        Real, Aggarwal, Huang, Le: Regularized Evolution for Image Classifier Architecture Search, AAAI 2019, arXiv 1802.01548,
        algorithm 1.
    """

    uses_probabilities = False

    def __init__(self, budget: int = 100, population: int = 20, tournament: int = 5, **shared: Any) -> None:
        super().__init__(**shared)
        require_at_least("budget", budget)
        require_at_least("population", population)
        require_at_least("tournament", tournament)
        if not tournament <= population <= budget:
            raise SettingsError(
                "`tournament` must not exceed `population`, nor that `budget`; "
                f"got a tournament of {tournament}, a population of {population} and a budget of {budget}."
            )
        self.budget = budget
        self.population = population
        self.tournament = tournament

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:  # noqa: ARG002 (interface)
        history = History(scorer(self.score))
        alive: deque[Scored] = deque(maxlen=self.population)  # the oldest first; a full one drops it
        for _ in range(self.population):
            alive.append(history.add(space.sample(generator)))
        for _ in range(self.budget - self.population):
            drawn = torch.randint(len(alive), (self.tournament,), generator=generator, device=generator.device).tolist()
            parent = max((alive[index] for index in drawn), key=lambda entry: entry.score)
            alive.append(history.add(space.mutate(parent.genotype, generator)))
        return history.result()

    def evaluations(self, sites: Sequence[Site]) -> int:  # noqa: ARG002 (interface)
        return self.budget
