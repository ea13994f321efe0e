"""Search spaces, supernets, relaxations and architecture parameters."""

from vireid.search.norm_space import BNSeparation, NormSpace
from vireid.search.parameters import ArchitectureParameters
from vireid.search.relaxation import GumbelHard, GumbelSoft, Relaxation, Softmax
from vireid.search.sites import Site
from vireid.search.space import SearchSpace, space_of
from vireid.search.supernet import Supernet

__all__ = [
    "ArchitectureParameters",
    "BNSeparation",
    "GumbelHard",
    "GumbelSoft",
    "NormSpace",
    "Relaxation",
    "SearchSpace",
    "Site",
    "Softmax",
    "Supernet",
    "space_of",
]
