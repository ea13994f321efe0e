"""Losses as pure functions of tensors. They return scalars without weight, in float32 or float64, also under mixed precision."""

from vireid.losses.attention_alignment import attention_alignment
from vireid.losses.batch_hard_triplet import batch_hard_triplet
from vireid.losses.class_mmd import class_mmd
from vireid.losses.cross_correlation import cross_correlation
from vireid.losses.enhanced_squared_difference import enhanced_squared_difference
from vireid.losses.four_way_hard_triplet import four_way_hard_triplet, hard_triplet
from vireid.losses.hetero_centre_triplet import hetero_centre_triplet
from vireid.losses.infrared_distillation import softened_kl
from vireid.losses.local_alignment import aligned_distances, local_alignment
from vireid.losses.modality_cross_entropy import modality_cross_entropy
from vireid.losses.mutual_kl import mutual_kl
from vireid.losses.similarity_preserving import similarity_preserving
from vireid.losses.smooth_average_precision import smooth_average_precision
from vireid.losses.view_consistency import prediction_consistency
from vireid.losses.weighted_regularized_triplet import weighted_distances, weighted_regularized_triplet

__all__ = [
    "aligned_distances",
    "attention_alignment",
    "batch_hard_triplet",
    "class_mmd",
    "cross_correlation",
    "enhanced_squared_difference",
    "four_way_hard_triplet",
    "hard_triplet",
    "hetero_centre_triplet",
    "local_alignment",
    "modality_cross_entropy",
    "mutual_kl",
    "prediction_consistency",
    "similarity_preserving",
    "smooth_average_precision",
    "softened_kl",
    "weighted_distances",
    "weighted_regularized_triplet",
]
