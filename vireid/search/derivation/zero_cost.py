"""Scores of children that were not trained: the initial weights under other normalisations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.base import Probabilities, Score, Scorer
from vireid.search.derivation.child_trainings import InitialWeights
from vireid.search.derivation.heldout_ap_score import HeldoutAPScore
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.modality_gap import ModalityGap
from vireid.search.derivation.pool import (
    BEST_SHARES,
    SEPARATE,
    SHARED,
    Choices,
    best_sets,
    changed,
    is_norm_space,
    is_point,
    norm_pool,
    stage_units,
    unique,
)
from vireid.search.derivation.proposers import Proposals, Proposer
from vireid.search.derivation.scores import ChildScore
from vireid.search.derivation.shortlist import finite
from vireid.search.derivation.soft_ap_score import SoftAPScore
from vireid.search.space import SearchSpace
from vireid.structures import Genotype
from vireid.structures.sites import Site, groups


def zero_cost_scores() -> list[ChildScore]:
    """Soft average precision before and after the neck, and average precision after it, from one pass over all held-out people.

    Each is right where another one is wrong.
    """
    begin, after = InitialWeights(), HeldoutAPScore("embeddings", temperature=None, training=InitialWeights())
    return [HeldoutAPScore("features", training=begin), HeldoutAPScore("embeddings", training=begin), after]


class ZeroCost(Proposer):
    """The best points of a pool by several scores of the initial weights. It runs forward passes only.

    The pool holds every separation of the stages, and every other kind of norm on the first stages. Where sites are not tied by stage, each
    score adds three points to the pool: the best quarter, half and three quarters of the sites are separate. A site is ranked by what the
    score gains when this site alone is separate. No score is right everywhere, so each proposes its own best points, and forks decide
    between them. For spaces of blocks and kernels it proposes nothing: their candidates begin with weights that were never trained.

    Args:
        scores: scores that rank the pool. Default: :class:`HeldoutAPScore` three times, soft before and after the neck, and with hard
            ranks after it, all on the initial weights.
        best: points that each score proposes, at least 1.

    Raises:
        SettingsError: no score, or no point.

    Reference:
        Abdelfattah, Mehrotra, Dudziak, Lane: Zero-Cost Proxies for Lightweight NAS, ICLR 2021 (the idea; the scores are ours).
    """

    def __init__(self, scores: list[ChildScore] | None = None, best: int = 2) -> None:
        if scores is not None and not scores:
            raise SettingsError("`scores` of ZeroCost is empty: name at least one score, or leave it out for the default.")
        if best < 1:
            raise SettingsError(f"`best` of ZeroCost must be at least 1, got {best}.")
        self._scores = zero_cost_scores() if scores is None else scores
        self.best = best
        self.record(scores=self._scores)

    def scores(self) -> Sequence[ChildScore]:
        return [*self._scores, *self._gap()]

    def _gap(self) -> list[ModalityGap]:
        """What tells the gaps, where the scores look at batches of held-out people too."""
        looks = any(isinstance(score, SoftAPScore | HeldoutAPScore) for score in self._scores)
        return [ModalityGap(training=InitialWeights())] if looks else []

    def most_points(self, sites: Sequence[Site]) -> int:
        return len(self._scores) * self.best if is_norm_space(sites) else 0

    def evaluations(self, sites: Sequence[Site], known: int) -> int:
        if not is_norm_space(sites):
            return 0
        points = len(unique([*norm_pool(sites), *singles(sites)])) + known + (len(BEST_SHARES) if _untied(sites) else 0)
        return len(self._scores) * points + 2  # the gaps of two points

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, known: Mapping[str, Genotype]) -> Proposals:  # noqa: ARG002
        proposals = Proposals([])
        if not is_norm_space(space.sites()):
            return proposals
        asked = [_Asked(space, scorer(settings)) for settings in self._scores]
        for point in _all_points(space.sites(), known):
            for one in asked:  # one after another, because scores of one child may share a pass
                one(point)
        for name, one in zip(score_names(self._scores), asked, strict=True):
            proposals.points += [(space.genotype(point), name) for point in one.best(self.best)]
            proposals.scores[name] = one.values
            proposals.gains[name] = one.gains()
        for gap in self._gap():
            proposals.gaps = _gaps(space, scorer(gap))
        return proposals


class _Asked:
    """The values of one score by point. Each point is scored once."""

    def __init__(self, space: SearchSpace, score: Score) -> None:
        self.space, self.score, self.sites = space, score, space.sites()
        self.values: dict[tuple[str, ...], Measured] = {}

    def __call__(self, point: Choices) -> Measured:
        found = tuple(point.values())
        if found not in self.values:
            self.values[found] = self.score.measured(self.space.genotype(point))
        return self.values[found]

    def best(self, count: int) -> list[Choices]:
        """The best points of the pool."""
        pool = norm_pool(self.sites)
        if _untied(self.sites):
            pool = unique([*pool, *best_sets(self.sites, self._separation_gains())])
        return sorted(pool, key=lambda point: -self(point).value)[:count]

    def _separation_gains(self) -> list[float]:
        """What separating each group of tied sites alone gains; one that diverged gains least."""
        found = [gain["gain"] for gain in self.gains() if gain["candidate"] == SEPARATE]
        return [-math.inf if gain is None else gain for gain in found]

    def gains(self) -> list[dict[str, Any]]:
        """Gain of every group of tied sites by itself, compared with all sites shared, and its standard error over people."""
        shared, found = self(changed(self.sites, [], SHARED)), list[dict[str, Any]]()
        for unit in groups(self.sites):
            for candidate in _others(unit):
                value = self.values.get(tuple(changed(self.sites, [unit], candidate).values()))
                if value is not None:
                    names = [site.name for site in unit]
                    gain, error = finite(value.value - shared.value), finite(value.error_of_difference(shared))
                    found.append({"sites": names, "candidate": candidate, "gain": gain, "error": error})
        return found


def _all_points(sites: Sequence[Site], known: Mapping[str, Genotype]) -> list[Choices]:
    """The pool, every group of tied sites by itself, and the points that are tried in any case."""
    return unique([*norm_pool(sites), *singles(sites), *(dict(point.choices) for point in known.values())])


def _gaps(space: SearchSpace, gap: Score) -> dict[str, dict[str, float]]:
    """The gap between the modalities at every site, with all sites shared and with all sites separate."""
    sites = space.sites()
    points = {"shared": changed(sites, [], SHARED), "separated": changed(sites, groups(sites), SEPARATE)}
    return {
        name: dict(zip((site.name for site in sites), gap.measured(space.genotype(point)).sites, strict=True))
        for name, point in points.items()
        if is_point(point, sites)
    }


def score_names(scores: Sequence[ChildScore]) -> list[str]:
    """A short name for every score, such as ``SoftAP features``. Equal names get the place of the score as a number."""
    names = [one.name for one in scores]
    return [name if names.count(name) == 1 else f"{name} {number + 1}" for number, name in enumerate(names)]


def singles(sites: Sequence[Site]) -> list[Choices]:
    """Points in which one group of tied sites changes and the others stay shared.

    The group becomes separate. Where sites are tied by stage, it also takes every other candidate. Where they are not, those points would
    cost as much again for each candidate, and none of them would be proposed.
    """
    tied = groups(sites)
    kinds = {SEPARATE} if _untied(sites) else {name for unit in tied for name in unit[0].candidates}
    return [point for unit in tied for name in _others(unit) if name in kinds and is_point(point := changed(sites, [unit], name), sites)]


def _others(unit: Sequence[Site]) -> list[str]:
    return [name for name in unit[0].candidates if name != SHARED]


def _untied(sites: Sequence[Site]) -> bool:
    return len(groups(sites)) > len(stage_units(sites)) and all(SEPARATE in site.candidates for site in sites)
