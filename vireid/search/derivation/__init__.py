"""From a trained supernet to one genotype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.search.derivation.additive import MainEffects as MainEffects
    from vireid.search.derivation.argmax import Argmax as Argmax, SampledTop as SampledTop
    from vireid.search.derivation.base import (
        Derivation as Derivation,
        DerivationResult as DerivationResult,
        Probabilities as Probabilities,
        Score as Score,
        Scored as Scored,
        Scorer as Scorer,
        ScoringDerivation as ScoringDerivation,
        mixture_weights as mixture_weights,
    )
    from vireid.search.derivation.evolution import Evolution as Evolution, RandomSearch as RandomSearch
    from vireid.search.derivation.perturbation import Perturbation as Perturbation
    from vireid.search.derivation.scores import (
        ChildScore as ChildScore,
        LossScore as LossScore,
        RetrievalScore as RetrievalScore,
        ScoredChild as ScoredChild,
        ShortTraining as ShortTraining,
    )

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".additive": ["MainEffects"],
        ".argmax": ["Argmax", "SampledTop"],
        ".base": ["Derivation", "DerivationResult", "Probabilities", "Score", "Scored", "Scorer", "ScoringDerivation", "mixture_weights"],
        ".evolution": ["Evolution", "RandomSearch"],
        ".perturbation": ["Perturbation"],
        ".scores": ["ChildScore", "LossScore", "RetrievalScore", "ScoredChild", "ShortTraining"],
    },
)
