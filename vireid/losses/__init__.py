"""Training objectives: pure functions in :mod:`vireid.losses.functional`, and one module each to choose and weight them in YAML."""

from vireid.losses.base import Loss
from vireid.losses.batch_hard_triplet import BatchHardTriplet
from vireid.losses.class_mmd import ClassMMD
from vireid.losses.cross_entropy import CrossEntropy
from vireid.losses.four_way_hard_triplet import FourWayHardTriplet
from vireid.losses.inputs import LossInputs
from vireid.losses.loss_sum import LossSum
from vireid.losses.modality_cross_entropy import ModalityCrossEntropy
from vireid.losses.mutual_kl import MutualKL
from vireid.losses.similarity_preserving import SimilarityPreserving
from vireid.losses.weighted_regularized_triplet import WeightedRegularizedTriplet

__all__ = [
    "BatchHardTriplet",
    "ClassMMD",
    "CrossEntropy",
    "FourWayHardTriplet",
    "Loss",
    "LossInputs",
    "LossSum",
    "ModalityCrossEntropy",
    "MutualKL",
    "SimilarityPreserving",
    "WeightedRegularizedTriplet",
]
