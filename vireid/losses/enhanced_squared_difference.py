"""CAJ's triplet loss without a margin."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss
from vireid.losses.inputs import Level, LossInputs
from vireid.losses.weighted_regularized_triplet import Stabilise, check_stabilise, weighted_distances

CEILING = 88.0  # exp(88) is finite in float32, exp(89) is not


def enhanced_squared_difference(
    features: Tensor,
    labels: Tensor,
    alpha: float = 1.0,
    gamma: float = 1.0,
    square: bool = True,
    stabilise: Stabilise = "faithful",
) -> Tensor:
    """Weighted regularised triplet loss of the squared gap: ``mean log(1 + exp(+-gamma (positive - negative) ** 2))``.

    The sign in the exponent is the sign of the gap. A violated triplet costs about its squared gap, and a satisfied one nearly nothing.

    Args:
        features: ``(B, d)`` features before the neck, any scale.
        labels: ``(B,)`` integers.
        alpha: sharpness of the softmax weights of the distances, at least 0.
        gamma: factor on the (squared) gap, above 0.
        square: whether the gap is squared. ``False`` takes the gap itself; with alpha = gamma = 1 this is
            :func:`~vireid.losses.functional.weighted_regularized_triplet`.
        stabilise: how the softmax weights avoid overflow, as in
            :func:`~vireid.losses.functional.weighted_regularized_triplet`. ``"faithful"`` also limits ``gamma * gap ** 2`` to 88, as the
            authors' code does, so that float32 does not overflow. Anchors above this limit have no gradient. ``"corrected"`` needs no
            limit.

    Returns:
        Scalar, above 0.

    Raises:
        ValueError: the shapes do not fit, or an argument is out of range.

    Example:
        >>> features, labels = torch.tensor([[0.0], [4.0], [1.0], [5.0]]), torch.tensor([0, 0, 1, 1])
        >>> enhanced_squared_difference(features, labels) > enhanced_squared_difference(features, labels, square=False)
        tensor(True)

    Reference:
        Ye, Ruan, Du, Shou: Channel Augmented Joint Learning for Visible-Infrared Recognition, ICCV 2021 (public code).
    """
    check_sharpness(alpha, gamma)
    positive, negative = weighted_distances(features, labels, stabilise, alpha)
    gap = positive - negative
    if not square:
        return F.softplus(gamma * gap).mean()
    squared = gamma * gap.square()
    if stabilise == "faithful":
        squared = squared.clamp(max=CEILING)
    return F.softplus(torch.where(gap > 0, squared, -squared)).mean()


def check_sharpness(alpha: float, gamma: float) -> None:
    """Raise ``ValueError`` if a factor is out of range."""
    if not (math.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"`alpha` must be a finite number of at least 0, got {alpha}.")
    if not (math.isfinite(gamma) and gamma > 0):
        raise ValueError(f"`gamma` must be a finite number above 0, got {gamma}.")


class EnhancedSquaredDifference(Loss):
    """Module of :func:`~vireid.losses.functional.enhanced_squared_difference`. It does not distinguish
    modalities or views.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        alpha: sharpness of the softmax weights of the distances, at least 0; published 1.
        gamma: factor on the squared gap, above 0; published 1.
        square: whether the gap is squared, as published; ``False`` takes the gap itself.
        stabilise: ``"faithful"`` to the authors' code or ``"corrected"``; the two differ if distances exceed about 14 or squared gaps 88.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        weight: float = 1.0,
        alpha: float = 1.0,
        gamma: float = 1.0,
        square: bool = True,
        stabilise: Stabilise = "faithful",
        on: Level = "features",
        name: str = "esd",
    ) -> None:
        super().__init__(weight, name)
        check_sharpness(alpha, gamma)
        check_stabilise(stabilise)
        self.alpha = float(alpha)
        self.gamma = float(gamma)
        self.square = square
        self.stabilise: Stabilise = stabilise
        self.on = on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight."""
        rows = output.level(self.on)
        return enhanced_squared_difference(rows, output.labels, self.alpha, self.gamma, self.square, self.stabilise)
