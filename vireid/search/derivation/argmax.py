"""Derivations that trust the probabilities: the most probable point, or the best of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from vireid.search.derivation.base import (
    Derivation,
    DerivationResult,
    Probabilities,
    Scorer,
    ScoringDerivation,
    check_probabilities,
    largest,
    require_at_least,
)
from vireid.search.derivation.scored import History
from vireid.search.space import SearchSpace
from vireid.structures import Genotype
from vireid.structures.sites import Site, groups


class Argmax(Derivation):
    """The candidate with the largest probability at every site; ties go to the first. No child is scored.

    Reference:
        DARTS (Liu et al., ICLR 2019), arXiv 1806.09055.
    """

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:  # noqa: ARG002 (interface)
        sites = space.sites()
        check_probabilities(sites, probabilities)
        return DerivationResult(space.genotype(largest(sites, probabilities)))

    def evaluations(self, sites: Sequence[Site]) -> int:  # noqa: ARG002 (interface)
        return 0


class SampledTop(ScoringDerivation):
    """The best of the most probable point and of points drawn from the probabilities.

    Points that are drawn twice are scored once, so that a confident supernet costs few evaluations.

    Args:
        samples: points to draw, at least 1.
        shared: arguments that all derivations with a score take.

    Raises:
        SettingsError: no samples.

    Reference:
        Scoring of sampled children with inherited weights and statistics of their own: Guo et al., Single Path One-Shot Neural
        Architecture Search with Uniform Sampling, ECCV 2020, arXiv 1904.00420 (there the sample is uniform and evolves).
    """

    def __init__(self, samples: int = 50, **shared: Any) -> None:
        super().__init__(**shared)
        require_at_least("samples", samples)
        self.samples = samples

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:
        sites = space.sites()
        check_probabilities(sites, probabilities)
        drawn = [draw(space, sites, probabilities, generator) for _ in range(self.samples)]
        different = {tuple(point.choices.values()): point for point in (space.genotype(largest(sites, probabilities)), *drawn)}
        history = History(scorer(self.score))
        for point in different.values():
            history.add(point)
        return history.result()

    def evaluations(self, sites: Sequence[Site]) -> int:  # noqa: ARG002 (interface)
        return self.samples + 1


def draw(space: SearchSpace, sites: Sequence[Site], probabilities: Probabilities, generator: torch.Generator) -> Genotype:
    """One point, every group of tied sites by its probabilities."""
    choices: dict[str, str] = {}
    for group in groups(sites):
        row = torch.tensor(probabilities[group[0].name], dtype=torch.float64, device=generator.device)
        index = int(torch.multinomial(row, 1, generator=generator))
        choices.update({site.name: site.candidates[index] for site in group})
    return space.genotype(choices)
