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
    from vireid.search.derivation.child_trainings import (
        ChildTraining as ChildTraining,
        Fork as Fork,
        InitialWeights as InitialWeights,
        ShortTraining as ShortTraining,
    )
    from vireid.search.derivation.confirm import Confirm as Confirm
    from vireid.search.derivation.evolution import Evolution as Evolution, RandomSearch as RandomSearch
    from vireid.search.derivation.heldout_ap_score import HeldoutAPScore as HeldoutAPScore
    from vireid.search.derivation.loss_score import LossScore as LossScore
    from vireid.search.derivation.measured import Measured as Measured
    from vireid.search.derivation.modality_gap import ModalityGap as ModalityGap
    from vireid.search.derivation.perturbation import Perturbation as Perturbation
    from vireid.search.derivation.proposers import MostProbable as MostProbable, Proposals as Proposals, Proposer as Proposer
    from vireid.search.derivation.retrieval_score import RetrievalScore as RetrievalScore
    from vireid.search.derivation.scores import (
        ChildScore as ChildScore,
        RecalibratedScore as RecalibratedScore,
        ScoredChild as ScoredChild,
    )
    from vireid.search.derivation.soft_ap_score import SoftAPScore as SoftAPScore
    from vireid.search.derivation.zero_cost import ZeroCost as ZeroCost

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".additive": ["MainEffects"],
        ".argmax": ["Argmax", "SampledTop"],
        ".base": ["Derivation", "DerivationResult", "Probabilities", "Score", "Scored", "Scorer", "ScoringDerivation", "mixture_weights"],
        ".child_trainings": ["ChildTraining", "Fork", "InitialWeights", "ShortTraining"],
        ".confirm": ["Confirm"],
        ".evolution": ["Evolution", "RandomSearch"],
        ".heldout_ap_score": ["HeldoutAPScore"],
        ".loss_score": ["LossScore"],
        ".measured": ["Measured"],
        ".modality_gap": ["ModalityGap"],
        ".perturbation": ["Perturbation"],
        ".proposers": ["MostProbable", "Proposals", "Proposer"],
        ".retrieval_score": ["RetrievalScore"],
        ".scores": ["ChildScore", "RecalibratedScore", "ScoredChild"],
        ".soft_ap_score": ["SoftAPScore"],
        ".zero_cost": ["ZeroCost"],
    },
)
