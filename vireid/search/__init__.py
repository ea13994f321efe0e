"""Search spaces, supernets, relaxations and architecture parameters."""

from vireid.search.cdnet_genotype import load_cdnet_genotype, save_cdnet_genotype
from vireid.search.combined_depth import CombinedDepth
from vireid.search.derivation import Argmax, Derivation, DerivationResult, Evolution, MainEffects, Perturbation, RandomSearch, SampledTop
from vireid.search.dirichlet import DirichletSample
from vireid.search.gumbel import GumbelHard, GumbelSoft
from vireid.search.joint_norm import JointNorm
from vireid.search.norm_restrictions import BNSeparation, INPlacement
from vireid.search.osnet_ain import OSNetAIN
from vireid.search.parameters import ArchitectureParameters
from vireid.search.random_one_hot import RandomOneHot
from vireid.search.rectified_gumbel import RectifiedGumbel
from vireid.search.relaxation import Relaxation, Softmax
from vireid.search.sigmoid import Sigmoid
from vireid.search.sites import Site
from vireid.search.space import SearchSpace, space_of
from vireid.search.supernet import Supernet
from vireid.search.supernet_norms import SupernetNorms
from vireid.search.top_k import TopK

__all__ = [
    "ArchitectureParameters",
    "Argmax",
    "BNSeparation",
    "CombinedDepth",
    "Derivation",
    "DerivationResult",
    "DirichletSample",
    "Evolution",
    "GumbelHard",
    "GumbelSoft",
    "INPlacement",
    "JointNorm",
    "MainEffects",
    "OSNetAIN",
    "Perturbation",
    "RandomOneHot",
    "RandomSearch",
    "RectifiedGumbel",
    "Relaxation",
    "SampledTop",
    "SearchSpace",
    "Sigmoid",
    "Site",
    "Softmax",
    "Supernet",
    "SupernetNorms",
    "TopK",
    "load_cdnet_genotype",
    "save_cdnet_genotype",
    "space_of",
]
