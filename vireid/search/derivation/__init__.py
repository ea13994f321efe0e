"""From a trained supernet to one genotype."""

from vireid.search.derivation.additive import MainEffects
from vireid.search.derivation.argmax import Argmax, SampledTop
from vireid.search.derivation.base import Derivation, DerivationResult, Probabilities, Score, Scored, mixture_weights
from vireid.search.derivation.evolution import Evolution, RandomSearch
from vireid.search.derivation.perturbation import Perturbation

__all__ = [
    "Argmax",
    "Derivation",
    "DerivationResult",
    "Evolution",
    "MainEffects",
    "Perturbation",
    "Probabilities",
    "RandomSearch",
    "SampledTop",
    "Score",
    "Scored",
    "mixture_weights",
]
