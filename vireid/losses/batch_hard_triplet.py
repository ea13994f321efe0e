"""Triplet loss over the whole batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss
from vireid.losses.checks import check_labels, check_margin, check_rows
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.four_way_hard_triplet import hard_triplet
from vireid.losses.inputs import Level, LossInputs


def batch_hard_triplet(features: Tensor, labels: Tensor, margin: float = 0.3, normalise: bool = False) -> Tensor:
    """Hard triplet loss over the whole batch, both modalities together.

    Args:
        features: ``(B, d)`` features before the neck, any scale.
        labels: ``(B,)`` integers.
        margin: see :func:`hard_triplet`.
        normalise: whether to compare directions only: rows are divided by their L2 norm first.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import torch
        >>> batch_hard_triplet(torch.tensor([[0.0], [2.0], [1.0]]), torch.tensor([0, 0, 1]), margin=0.5)
        tensor(1.)

    Reference:
        Ye et al.: Deep Learning for Person Re-identification: A Survey and Outlook, TPAMI 2021 (the `base` method).
    """
    check_rows("features", features)
    check_labels("labels", labels, features, "features")
    with no_autocast(features):
        rows = F.normalize(full_precision(features), eps=1e-12) if normalise else features
        return hard_triplet(rows, rows, labels, labels, margin)


class BatchHardTriplet(Loss):
    """Module of :func:`~vireid.losses.functional.batch_hard_triplet`. It does not distinguish the modalities.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        margin: margin in units of distance, 0.3 in AGW's baseline; a negative one selects the soft margin.
        normalise: whether to compare directions only: rows are divided by their L2 norm first.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self, weight: float = 1.0, margin: float = 0.3, normalise: bool = False, on: Level = "features", name: str = "batch_hard"
    ) -> None:
        super().__init__(weight, name)
        check_margin(margin)
        self.margin = float(margin)
        self.normalise = normalise
        self.on = on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight."""
        return batch_hard_triplet(output.level(self.on), output.labels, self.margin, self.normalise)
