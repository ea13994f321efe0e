"""Training objectives: pure functions in :mod:`vireid.losses.functional`, and one module each to choose and weight them in YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.losses.attention_alignment import AttentionAlignment as AttentionAlignment
    from vireid.losses.base import Loss as Loss
    from vireid.losses.batch_hard_triplet import BatchHardTriplet as BatchHardTriplet
    from vireid.losses.class_mmd import ClassMMD as ClassMMD
    from vireid.losses.cross_correlation import CrossCorrelation as CrossCorrelation
    from vireid.losses.cross_entropy import CrossEntropy as CrossEntropy
    from vireid.losses.enhanced_squared_difference import EnhancedSquaredDifference as EnhancedSquaredDifference
    from vireid.losses.four_way_hard_triplet import FourWayHardTriplet as FourWayHardTriplet
    from vireid.losses.hetero_centre_triplet import HeteroCentreTriplet as HeteroCentreTriplet
    from vireid.losses.infrared_distillation import InfraredDistillation as InfraredDistillation
    from vireid.losses.inputs import LossInputs as LossInputs
    from vireid.losses.local_alignment import LocalAlignment as LocalAlignment
    from vireid.losses.loss_sum import LossSum as LossSum
    from vireid.losses.modality_cross_entropy import ModalityCrossEntropy as ModalityCrossEntropy
    from vireid.losses.mutual_kl import MutualKL as MutualKL
    from vireid.losses.part_cross_entropy import PartCrossEntropy as PartCrossEntropy
    from vireid.losses.similarity_preserving import SimilarityPreserving as SimilarityPreserving
    from vireid.losses.smooth_average_precision import SmoothAveragePrecision as SmoothAveragePrecision
    from vireid.losses.view_consistency import ViewConsistency as ViewConsistency
    from vireid.losses.weighted_regularized_triplet import WeightedRegularizedTriplet as WeightedRegularizedTriplet

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".attention_alignment": ["AttentionAlignment"],
        ".base": ["Loss"],
        ".batch_hard_triplet": ["BatchHardTriplet"],
        ".class_mmd": ["ClassMMD"],
        ".cross_correlation": ["CrossCorrelation"],
        ".cross_entropy": ["CrossEntropy"],
        ".enhanced_squared_difference": ["EnhancedSquaredDifference"],
        ".four_way_hard_triplet": ["FourWayHardTriplet"],
        ".hetero_centre_triplet": ["HeteroCentreTriplet"],
        ".infrared_distillation": ["InfraredDistillation"],
        ".inputs": ["LossInputs"],
        ".local_alignment": ["LocalAlignment"],
        ".loss_sum": ["LossSum"],
        ".modality_cross_entropy": ["ModalityCrossEntropy"],
        ".mutual_kl": ["MutualKL"],
        ".part_cross_entropy": ["PartCrossEntropy"],
        ".similarity_preserving": ["SimilarityPreserving"],
        ".smooth_average_precision": ["SmoothAveragePrecision"],
        ".view_consistency": ["ViewConsistency"],
        ".weighted_regularized_triplet": ["WeightedRegularizedTriplet"],
    },
)
