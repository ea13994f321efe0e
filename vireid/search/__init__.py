"""Search spaces, supernets, relaxations and architecture parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.search.derivation import (
        Argmax as Argmax,
        ChildScore as ChildScore,
        ChildTraining as ChildTraining,
        Confirm as Confirm,
        Derivation as Derivation,
        DerivationResult as DerivationResult,
        Evolution as Evolution,
        Fork as Fork,
        HeldoutAPScore as HeldoutAPScore,
        InitialWeights as InitialWeights,
        LossScore as LossScore,
        MainEffects as MainEffects,
        Measured as Measured,
        ModalityGap as ModalityGap,
        MostProbable as MostProbable,
        Perturbation as Perturbation,
        Proposer as Proposer,
        RandomSearch as RandomSearch,
        RecalibratedScore as RecalibratedScore,
        RetrievalScore as RetrievalScore,
        SampledTop as SampledTop,
        ScoringDerivation as ScoringDerivation,
        ShortTraining as ShortTraining,
        SoftAPScore as SoftAPScore,
        ZeroCost as ZeroCost,
    )
    from vireid.search.genotype_files.cdnet import load_cdnet_genotype as load_cdnet_genotype, save_cdnet_genotype as save_cdnet_genotype
    from vireid.search.genotype_files.formats import read_genotype as read_genotype
    from vireid.search.genotype_files.osnet_ain import load_osnet_list as load_osnet_list, save_osnet_list as save_osnet_list
    from vireid.search.genotype_files.resolve import resolve_genotype as resolve_genotype
    from vireid.search.parameters import ArchitectureParameters as ArchitectureParameters
    from vireid.search.relaxations.base import Relaxation as Relaxation, Softmax as Softmax
    from vireid.search.relaxations.dirichlet import DirichletSample as DirichletSample
    from vireid.search.relaxations.gumbel import GumbelHard as GumbelHard, GumbelSoft as GumbelSoft
    from vireid.search.relaxations.random_one_hot import RandomOneHot as RandomOneHot
    from vireid.search.relaxations.rectified_gumbel import RectifiedGumbel as RectifiedGumbel
    from vireid.search.relaxations.sigmoid import Sigmoid as Sigmoid
    from vireid.search.relaxations.top_k import TopK as TopK
    from vireid.search.space import SearchSpace as SearchSpace, space_of as space_of
    from vireid.search.spaces.combined_depth import CombinedDepth as CombinedDepth
    from vireid.search.spaces.joint_norm import BNSeparation as BNSeparation, INPlacement as INPlacement, JointNorm as JointNorm
    from vireid.search.spaces.osnet_ain import OSNetAIN as OSNetAIN
    from vireid.search.spaces.osnet_choice import SharedBlockChoice as SharedBlockChoice
    from vireid.search.spaces.supernet_norms import SupernetNorms as SupernetNorms
    from vireid.search.supernet import Supernet as Supernet
    from vireid.structures.sites import Site as Site

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".derivation": [
            "Argmax",
            "ChildScore",
            "ChildTraining",
            "Confirm",
            "Derivation",
            "DerivationResult",
            "Evolution",
            "Fork",
            "HeldoutAPScore",
            "InitialWeights",
            "LossScore",
            "MainEffects",
            "Measured",
            "ModalityGap",
            "MostProbable",
            "Perturbation",
            "Proposer",
            "RandomSearch",
            "RecalibratedScore",
            "RetrievalScore",
            "SampledTop",
            "ScoringDerivation",
            "ShortTraining",
            "SoftAPScore",
            "ZeroCost",
        ],
        ".genotype_files.cdnet": ["load_cdnet_genotype", "save_cdnet_genotype"],
        ".genotype_files.formats": ["read_genotype"],
        ".genotype_files.osnet_ain": ["load_osnet_list", "save_osnet_list"],
        ".genotype_files.resolve": ["resolve_genotype"],
        ".parameters": ["ArchitectureParameters"],
        ".relaxations.base": ["Relaxation", "Softmax"],
        ".relaxations.dirichlet": ["DirichletSample"],
        ".relaxations.gumbel": ["GumbelHard", "GumbelSoft"],
        ".relaxations.random_one_hot": ["RandomOneHot"],
        ".relaxations.rectified_gumbel": ["RectifiedGumbel"],
        ".relaxations.sigmoid": ["Sigmoid"],
        ".relaxations.top_k": ["TopK"],
        ".space": ["SearchSpace", "space_of"],
        ".spaces.combined_depth": ["CombinedDepth"],
        ".spaces.joint_norm": ["BNSeparation", "INPlacement", "JointNorm"],
        ".spaces.osnet_ain": ["OSNetAIN"],
        ".spaces.osnet_choice": ["SharedBlockChoice"],
        ".spaces.supernet_norms": ["SupernetNorms"],
        ".supernet": ["Supernet"],
        "vireid.structures.sites": ["Site"],
    },
)
