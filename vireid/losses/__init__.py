"""Training objectives: pure functions in :mod:`vireid.losses.functional`, and one module each to choose and weight them in YAML."""

from vireid.losses.attention_alignment import AttentionAlignment
from vireid.losses.base import Loss
from vireid.losses.batch_hard_triplet import BatchHardTriplet
from vireid.losses.class_mmd import ClassMMD
from vireid.losses.cross_correlation import CrossCorrelation
from vireid.losses.cross_entropy import CrossEntropy
from vireid.losses.enhanced_squared_difference import EnhancedSquaredDifference
from vireid.losses.four_way_hard_triplet import FourWayHardTriplet
from vireid.losses.hetero_centre_triplet import HeteroCentreTriplet
from vireid.losses.infrared_distillation import InfraredDistillation
from vireid.losses.inputs import LossInputs
from vireid.losses.local_alignment import LocalAlignment
from vireid.losses.loss_sum import LossSum
from vireid.losses.modality_cross_entropy import ModalityCrossEntropy
from vireid.losses.mutual_kl import MutualKL
from vireid.losses.part_cross_entropy import PartCrossEntropy
from vireid.losses.similarity_preserving import SimilarityPreserving
from vireid.losses.view_consistency import ViewConsistency
from vireid.losses.weighted_regularized_triplet import WeightedRegularizedTriplet

__all__ = [
    "AttentionAlignment",
    "BatchHardTriplet",
    "ClassMMD",
    "CrossCorrelation",
    "CrossEntropy",
    "EnhancedSquaredDifference",
    "FourWayHardTriplet",
    "HeteroCentreTriplet",
    "InfraredDistillation",
    "LocalAlignment",
    "Loss",
    "LossInputs",
    "LossSum",
    "ModalityCrossEntropy",
    "MutualKL",
    "PartCrossEntropy",
    "SimilarityPreserving",
    "ViewConsistency",
    "WeightedRegularizedTriplet",
]
