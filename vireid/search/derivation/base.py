"""The interface of every derivation, and what it may use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.retrieval_score import RetrievalScore
from vireid.search.derivation.scores import ChildScore
from vireid.search.space import SearchSpace
from vireid.settings import Recorded
from vireid.structures import Genotype
from vireid.structures.sites import Site, groups

Probabilities = Mapping[str, Sequence[float]]
"""Site name to one number per candidate of the site, as :meth:`vireid.search.ArchitectureParameters.table` gives them."""


class Score(Protocol):
    """How good a point is; larger is better. Deterministic: the same point always has the same score."""

    def __call__(self, genotype: Genotype, /) -> float:
        """Score of one child."""
        ...

    def measured(self, genotype: Genotype, /) -> Measured:
        """Score of one child, with the value of each person. Only :class:`Confirm` and its proposers ask for it."""
        ...

    def mixture(self, weights: Tensor, /) -> float:
        """Score of the supernet under ``(S, K)`` mixture weights. Only :class:`Perturbation` asks for it."""
        ...


Scorer = Callable[[ChildScore], Score]
"""Puts the settings of a score to work on the supernet of a search."""


@dataclass(frozen=True)
class Scored:
    """One entry of a history: a child or a mixture, with its score.

    Attributes:
        genotype: the child; for a mixture, the child of its largest weights.
        score: larger is better.
        without: for a mixture, what was removed from it, such as ``layer1.0.bn1: shared_bn``; empty for a child.
    """

    genotype: Genotype
    score: float
    without: str = ""


@dataclass(frozen=True)
class DerivationResult:
    """The answer and how it was found.

    Attributes:
        genotype: the chosen point, without provenance.
        history: everything that was scored, in order; a repeat within a history was not scored again.
        details: plain values that the provenance of the genotype keeps.
    """

    genotype: Genotype
    history: tuple[Scored, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


class Derivation(Recorded, ABC):
    """A way to choose a genotype: a pure function of its arguments and of the state of the generator.

    Attributes:
        uses_probabilities: whether it reads the architecture parameters. If not, a search needs no architecture step.
    """

    uses_probabilities: bool = True

    @abstractmethod
    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:
        """Choose.

        Args:
            space: what to choose from; tied sites stay equal.
            probabilities: one row per site of ``space``, equal for tied sites.
            scorer: makes scores of the derivation's own settings.
            generator: all randomness.

        Raises:
            SettingsError: the probabilities are not those of ``space``.
        """

    @abstractmethod
    def evaluations(self, sites: Sequence[Site]) -> int:
        """Largest number of scores that are asked for."""

    def scores(self) -> Sequence[ChildScore]:
        """Settings of the scores that will be asked for."""
        return ()

    def check(self, datamodule: Any) -> None:
        """Check the data before the search begins.

        Args:
            datamodule: data module of the search's Trainer; ``None`` where it has none.

        Raises:
            SettingsError: the data cannot give the scores.
        """
        for score in self.scores():
            score.check(datamodule)


class ScoringDerivation(Derivation, ABC):
    """A derivation that scores children.

    Args:
        score: how a child is scored. Default mAP on held-out identities with inherited weights.
    """

    def __init__(self, score: ChildScore | None = None) -> None:
        self.score = score or RetrievalScore()
        self.record(score=self.score)

    def scores(self) -> Sequence[ChildScore]:
        return (self.score,)


def check_probabilities(sites: Sequence[Site], probabilities: Probabilities) -> None:
    """Refuse rows that are not those of the sites.

    Raises:
        SettingsError: naming the first site that is wrong.
    """
    for group in groups(sites):
        for site in group:
            row = probabilities.get(site.name)
            if row is None or len(row) != len(site.candidates) or min(row) < 0 or not 0 < sum(row) < float("inf"):
                raise SettingsError(
                    f"`probabilities` must have {len(site.candidates)} non-negative numbers, not all 0, for site {site.name!r}, "
                    f"got {row if row is None else list(row)}."
                )
            if list(row) != list(probabilities[group[0].name]):
                raise SettingsError(f"Sites {group[0].name!r} and {site.name!r} are tied, but their probabilities differ.")


def largest(sites: Sequence[Site], probabilities: Probabilities) -> dict[str, str]:
    """The candidate of the largest probability at every site; ties go to the first."""
    rows = {site.name: list(probabilities[site.name]) for site in sites}
    return {site.name: site.candidates[rows[site.name].index(max(rows[site.name]))] for site in sites}


def mixture_weights(sites: Sequence[Site], rows: Probabilities) -> Tensor:
    """``(S, K)`` table of the rows, float32; sites with fewer than K candidates are filled up with 0.

    Example:
        >>> from vireid.search import BNSeparation
        >>> sites = BNSeparation("resnet10", width=8).sites()[:1]
        >>> mixture_weights(sites, {sites[0].name: (0.25, 0.75)})
        tensor([[0.2500, 0.7500]])
    """
    width = max(len(site.candidates) for site in sites)
    return torch.tensor([[*rows[site.name], *[0.0] * (width - len(site.candidates))] for site in sites], dtype=torch.float32)


def require_at_least(name: str, value: int, smallest: int = 1) -> None:
    """Refuse a setting that is too small.

    Raises:
        SettingsError: naming it.
    """
    if value < smallest:
        raise SettingsError(f"`{name}` must be at least {smallest}, got {value}.")
