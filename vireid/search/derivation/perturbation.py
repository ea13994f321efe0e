"""Perturbation-based derivation: a candidate is worth what its removal costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from vireid.search.derivation.base import (
    DerivationResult,
    Probabilities,
    Score,
    Scored,
    Scorer,
    ScoringDerivation,
    check_probabilities,
    largest,
    mixture_weights,
)
from vireid.search.space import SearchSpace
from vireid.structures.sites import Site, groups

Rows = dict[str, list[float]]


class Perturbation(ScoringDerivation):
    """Site by site in random order, keep the candidate whose removal from the mixture hurts the supernet's score most.

    Tied sites are one decision. Ties go to the first candidate. The supernet is not trained between the decisions, as the paper
    does for a few epochs; it takes one scored mixture per candidate of every group, and one scored child at the end.

    Args:
        renormalise: whether the remaining weights of a site are scaled up to sum to 1. A mixture of normalisations that sums to less would
            also shrink the activations. ``False`` as in the paper's code, which sets the weight of the removed candidate to 0.
        shared: arguments that all derivations with a score take.

    Reference:
        DARTS-PT (Wang, Cheng, Chen, Tang, Hsieh: Rethinking Architecture Selection in Differentiable NAS, ICLR 2021),
        arXiv 2108.04392.
    """

    def __init__(self, renormalise: bool = True, **shared: Any) -> None:
        super().__init__(**shared)
        self.renormalise = renormalise

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:
        sites = space.sites()
        check_probabilities(sites, probabilities)
        score = scorer(self.score)
        rows: Rows = {site.name: list(probabilities[site.name]) for site in sites}
        tied = groups(sites)
        history: list[Scored] = []
        for index in torch.randperm(len(tied), generator=generator, device=generator.device).tolist():
            group = tied[index]
            count = len(group[0].candidates)
            trials = [] if count == 1 else [self._without(k, group, rows, space, score) for k in range(count)]
            history += trials
            hurts_most = min(range(len(trials)), key=lambda k: trials[k].score, default=0)
            rows.update({site.name: [float(k == hurts_most) for k in range(count)] for site in group})
        genotype = space.genotype(largest(sites, rows))
        return DerivationResult(genotype, (*history, Scored(genotype, score(genotype))))

    def evaluations(self, sites: Sequence[Site]) -> int:
        counts = [len(group[0].candidates) for group in groups(sites)]
        return sum(count for count in counts if count > 1) + 1

    def _without(self, k: int, group: Sequence[Site], rows: Rows, space: SearchSpace, score: Score) -> Scored:
        row = [0.0 if index == k else value for index, value in enumerate(rows[group[0].name])]
        total = sum(row)
        if self.renormalise:  # nothing left: the others had probability 0
            row = [value / total if total else float(index != k) / (len(row) - 1) for index, value in enumerate(row)]
        left: Rows = {**rows, **{site.name: row for site in group}}
        sites = space.sites()
        what = f"{', '.join(site.name for site in group)}: {group[0].candidates[k]}"
        return Scored(space.genotype(largest(sites, left)), score.mixture(mixture_weights(sites, left)), what)
