"""Main effects: which candidate helps at each site, averaged over random choices elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vireid.search.derivation.base import DerivationResult, Probabilities, Scorer, ScoringDerivation, require_at_least
from vireid.search.derivation.scored import History
from vireid.search.space import SearchSpace
from vireid.structures.sites import Site, groups


class MainEffects(ScoringDerivation):
    """The best candidate of every group of tied sites by itself, from the scores of a balanced random design.

    Each candidate of a group comes up equally often among ``budget`` points (as nearly as the numbers allow), in an order that is
    random and independent between groups. A linear model, score = constant + one effect per group and candidate, is fitted by least
    squares with a small ridge. The answer takes the candidate with the largest effect in every group; ties go to the first.

    The noise of single scores averages out over all points, so the design suits expensive, noisy scores such as short trainings. It does
    not see interactions between groups. The history ends with the answer.

    Args:
        budget: points of the design, at least the largest number of candidates.
        shared: arguments that all derivations with a score take.

    Raises:
        SettingsError: a budget below that.

    Reference:
        This project's; classical factorial design.
    """

    uses_probabilities = False

    def __init__(self, budget: int = 24, **shared: Any) -> None:
        super().__init__(**shared)
        require_at_least("budget", budget, 2)
        self.budget = budget

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:  # noqa: ARG002 (interface)
        tied = groups(space.sites())
        require_at_least("budget", self.budget, max(len(group[0].candidates) for group in tied))
        columns = [_balanced(len(group[0].candidates), self.budget, generator) for group in tied]
        history = History(scorer(self.score))
        for point in zip(*columns, strict=True):
            history.add(space.genotype(_choices(tied, point)))
        scores = torch.tensor([entry.score for entry in history.entries], dtype=torch.float64)
        best = [int(effects.argmax()) for effects in main_effects(columns, scores)]
        answer = history.add(space.genotype(_choices(tied, best)))
        return DerivationResult(answer.genotype, tuple(history.entries))

    def evaluations(self, sites: Sequence[Site]) -> int:  # noqa: ARG002 (interface)
        return self.budget + 1


def main_effects(columns: Sequence[Sequence[int]], scores: Tensor, ridge: float = 1e-2) -> list[Tensor]:
    """Effects of a linear model by ridge regression.

    Args:
        columns: for each group, the candidate of every point.
        scores: ``(N,)``; what is not finite counts as the lowest that is.
        ridge: weight of the squared effects, relative to one point.

    Returns:
        For each group, one effect per candidate; a candidate that never came up has effect 0.
    """
    finite = scores[scores.isfinite()]
    scores = torch.where(scores.isfinite(), scores, finite.min()) if len(finite) else torch.zeros_like(scores)
    tables = [torch.nn.functional.one_hot(torch.tensor(column)).to(scores.dtype) for column in columns]
    design = torch.cat(tables, dim=1)
    design = design - design.mean(0)
    normal = design.T @ design + ridge * torch.eye(design.shape[1], dtype=scores.dtype)
    effects = torch.linalg.solve(normal, design.T @ (scores - scores.mean()))
    return list(effects.split([table.shape[1] for table in tables]))


def _balanced(candidates: int, count: int, generator: torch.Generator) -> list[int]:
    """Each candidate equally often, in random order."""
    order = torch.randperm(count, generator=generator, device=generator.device) % candidates
    return [int(k) for k in order.tolist()]


def _choices(tied: Sequence[Sequence[Site]], point: Sequence[int]) -> dict[str, str]:
    return {site.name: site.candidates[k] for group, k in zip(tied, point, strict=True) for site in group}
