"""AGW's triplet loss without a margin."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss
from vireid.losses.checks import check_labels, check_rows
from vireid.losses.distances import floored_distances, full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs

Stabilise = Literal["faithful", "corrected"]


def weighted_regularized_triplet(features: Tensor, labels: Tensor, stabilise: Stabilise = "faithful") -> Tensor:
    """Mean over anchors of ``log(1 + exp(weighted positive distance - weighted negative distance))``.

    Softmax weights favour far positives and near negatives; gradients flow through the weights. The anchor itself is one of its
    positives. An anchor without negatives has a negative distance of zero.

    Args:
        features: ``(B, d)`` features before the neck, any scale.
        labels: ``(B,)`` integers.
        stabilise: ``"faithful"`` subtracts the maximum of each row from the scores, and masked-out entries count as 0 in this
            maximum, as in the authors' code. For negatives this subtracts nothing. If distances exceed about 14, all weights are
            much smaller than the 1e-6 in their denominator. The negative distance then falls to 0, and negatives have no effect.
            ``"corrected"`` takes the maximum over true entries only. Both agree to about 1e-6 relative while distances are small.

    Returns:
        Scalar, above 0.

    Raises:
        ValueError: the shapes do not fit, or ``stabilise`` has another value.

    Example:
        >>> features, labels = torch.tensor([[0.0], [2.0], [60.0], [62.0]]), torch.tensor([0, 0, 1, 1])
        >>> weighted_regularized_triplet(features, labels)  # identities are far apart, yet the loss is large
        tensor(1.9201)
        >>> weighted_regularized_triplet(features, labels, stabilise="corrected") < 1e-6
        tensor(True)

    Reference:
        Ye et al.: Deep Learning for Person Re-identification: A Survey and Outlook, TPAMI 2021, eq. 12-13.
    """
    positive, negative = weighted_distances(features, labels, stabilise)
    return F.softplus(positive - negative).mean()


def weighted_distances(
    features: Tensor, labels: Tensor, stabilise: Stabilise = "faithful", sharpness: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Weighted mean distance of each anchor from its positives (itself included) and from its negatives.

    Args:
        features, labels, stabilise: see :func:`weighted_regularized_triplet`.
        sharpness: factor on the distances inside the softmax weights; 0 gives all rows the same weight.

    Returns:
        Two ``(B,)`` tensors in full precision; the second one is zero for an anchor without negatives.

    Raises:
        ValueError: the shapes do not fit, or ``stabilise`` has another value.

    Example:
        >>> features = torch.tensor([[0.0], [0.0], [3.0], [3.0]])
        >>> near, far = weighted_distances(features, torch.tensor([0, 0, 1, 1]))
        >>> bool((far > near).all())
        True
    """
    check_rows("features", features)
    check_labels("labels", labels, features, "features")
    check_stabilise(stabilise)
    with no_autocast(features):
        rows = full_precision(features)
        distances = floored_distances(rows, rows)
        same = labels[:, None] == labels
        positive = (_weights(sharpness * distances, same, stabilise) * distances).sum(1)
        negative = (_weights(-sharpness * distances, ~same, stabilise) * distances).sum(1)
        return positive, negative


def check_stabilise(stabilise: str) -> None:
    """Raise ``ValueError`` unless ``stabilise`` is one of the two choices."""
    if stabilise not in ("faithful", "corrected"):
        raise ValueError(f'`stabilise` must be "faithful" or "corrected", got {stabilise!r}.')


class WeightedRegularizedTriplet(Loss):
    """Module of :func:`~vireid.losses.functional.weighted_regularized_triplet`. It does not distinguish the modalities.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        stabilise: ``"faithful"`` to the authors' code or ``"corrected"``; the two differ if distances exceed about 14.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, weight: float = 1.0, stabilise: Stabilise = "faithful", on: Level = "features", name: str = "wrt") -> None:
        super().__init__(weight, name)
        check_stabilise(stabilise)
        self.stabilise: Stabilise = stabilise
        self.on = on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight."""
        return weighted_regularized_triplet(output.level(self.on), output.labels, self.stabilise)


def _weights(scores: Tensor, mask: Tensor, stabilise: Stabilise) -> Tensor:
    """``(B, B)`` softmax of each row over the entries in ``mask``, zero elsewhere; rows sum to at most one."""
    masked_out = 0.0 if stabilise == "faithful" else -math.inf
    top = scores.masked_fill(~mask, masked_out).max(dim=1, keepdim=True).values
    exponentials = torch.exp((scores - top).masked_fill(~mask, -math.inf))
    return exponentials / (exponentials.sum(1, keepdim=True) + 1e-6)
