"""Search spaces, supernets, relaxations and architecture parameters."""

from vireid.search.derivation import Argmax, Derivation, DerivationResult, Evolution, MainEffects, Perturbation, RandomSearch, SampledTop
from vireid.search.genotype_files.cdnet import load_cdnet_genotype, save_cdnet_genotype
from vireid.search.parameters import ArchitectureParameters
from vireid.search.relaxations.base import Relaxation, Softmax
from vireid.search.relaxations.dirichlet import DirichletSample
from vireid.search.relaxations.gumbel import GumbelHard, GumbelSoft
from vireid.search.relaxations.random_one_hot import RandomOneHot
from vireid.search.relaxations.rectified_gumbel import RectifiedGumbel
from vireid.search.relaxations.sigmoid import Sigmoid
from vireid.search.relaxations.top_k import TopK
from vireid.search.space import SearchSpace, space_of
from vireid.search.spaces.combined_depth import CombinedDepth
from vireid.search.spaces.joint_norm import JointNorm
from vireid.search.spaces.norm_restrictions import BNSeparation, INPlacement
from vireid.search.spaces.osnet_ain import OSNetAIN
from vireid.search.spaces.osnet_choice import SharedBlockChoice
from vireid.search.spaces.supernet_norms import SupernetNorms
from vireid.search.supernet import Supernet
from vireid.structures.sites import Site

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
    "SharedBlockChoice",
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
