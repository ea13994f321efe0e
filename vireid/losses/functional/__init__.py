"""Losses as pure functions of tensors; unweighted scalars, in float32 or float64 whatever the precision around them."""

from vireid.losses.functional.attention import attention_alignment
from vireid.losses.functional.correspondence import class_mmd, similarity_preserving
from vireid.losses.functional.cross_correlation import cross_correlation
from vireid.losses.functional.enhanced_triplet import enhanced_squared_difference
from vireid.losses.functional.hetero_centre import hetero_centre_triplet
from vireid.losses.functional.local_alignment import aligned_distances, local_alignment
from vireid.losses.functional.modality_heads import modality_cross_entropy, mutual_kl
from vireid.losses.functional.triplet import batch_hard_triplet, four_way_hard_triplet, hard_triplet
from vireid.losses.functional.view_agreement import prediction_consistency, softened_kl
from vireid.losses.functional.weighted_triplet import weighted_distances, weighted_regularized_triplet

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
    "softened_kl",
    "weighted_distances",
    "weighted_regularized_triplet",
]
