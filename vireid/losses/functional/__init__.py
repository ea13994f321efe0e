"""Losses as pure functions of tensors; unweighted scalars, in float32 or float64 whatever the precision around them."""

from vireid.losses.functional.correspondence import class_mmd, similarity_preserving
from vireid.losses.functional.triplet import batch_hard_triplet, four_way_hard_triplet, hard_triplet
from vireid.losses.functional.weighted_triplet import weighted_regularized_triplet

__all__ = [
    "batch_hard_triplet",
    "class_mmd",
    "four_way_hard_triplet",
    "hard_triplet",
    "similarity_preserving",
    "weighted_regularized_triplet",
]
