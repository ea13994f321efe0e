"""Triplet loss within and across modalities."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss, check_modalities
from vireid.losses.checks import check_columns, check_labels, check_margin, check_pair, check_rows
from vireid.losses.distances import floored_distances, full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs


def hard_triplet(anchors: Tensor, others: Tensor, anchor_labels: Tensor, other_labels: Tensor, margin: float = 0.3) -> Tensor:
    """Mean over anchors of ``max(0, farthest positive - nearest negative + margin)``.

    Every row of ``others`` with the anchor's label is a positive, the anchor itself included; the rest are negatives. Masks
    select them, so identities may have different numbers of rows. An anchor without a positive or without
    a negative in ``others`` contributes zero.

    Args:
        anchors: ``(n, d)`` features, any scale.
        others: ``(m, d)`` features.
        anchor_labels: ``(n,)`` integers.
        other_labels: ``(m,)`` integers.
        margin: margin in units of distance; a negative margin selects the soft margin ``log(1 + exp(positive - negative))``.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: the shapes do not fit, or the margin is not a finite number.

    Example:
        >>> anchors, others = torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0], [3.5]])
        >>> hard_triplet(anchors, others, torch.tensor([0, 1]), torch.tensor([0, 1]), margin=2.0)
        tensor(0.2500)

    Reference:
        Hermans, Beyer, Leibe: In Defense of the Triplet Loss for Person Re-Identification, 2017, eq. 5.
    """
    check_rows("anchors", anchors)
    check_rows("others", others)
    check_columns("anchors", anchors, "others", others)
    check_labels("anchor_labels", anchor_labels, anchors, "anchors")
    check_labels("other_labels", other_labels, others, "others")
    check_margin(margin)
    with no_autocast(anchors):
        distances = floored_distances(full_precision(anchors), full_precision(others))
        same = anchor_labels[:, None] == other_labels
        positive = distances.masked_fill(~same, -math.inf).max(dim=1).values
        negative = distances.masked_fill(same, math.inf).min(dim=1).values
        gap = positive - negative
        return (F.softplus(gap) if margin < 0 else F.relu(gap + margin)).mean()


def four_way_hard_triplet(
    visible: Tensor,
    infrared: Tensor,
    labels: Tensor,
    margin: float = 0.4,
    normalise: bool = False,
    infrared_labels: Tensor | None = None,
) -> Tensor:
    """Mean of the hard triplet losses visible-visible, infrared-infrared, visible-infrared and infrared-visible.

    In the two cross-modality terms the image of the other modality in the same row is one of the positives.

    Args:
        visible: ``(n, d)`` features before the neck, any scale.
        infrared: ``(m, d)`` features; m = n unless ``infrared_labels`` are given.
        labels: ``(n,)`` integers: labels of both modalities, or of the visible rows only if ``infrared_labels`` are given.
        margin: see :func:`hard_triplet`.
        normalise: whether to compare directions only: rows are divided by their L2 norm first.
        infrared_labels: ``(m,)`` integers: labels of the infrared rows; ``None``: the same as ``labels``.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> visible = torch.tensor([[0.0], [0.5], [4.0]])
        >>> four_way_hard_triplet(visible, visible + 1, torch.tensor([0, 0, 1]), margin=3.0)
        tensor(0.3750)

    Reference:
        Fu et al.: CM-NAS: Cross-Modality Neural Architecture Search for Visible-Infrared Person Re-Identification, ICCV 2021.
        The authors' code reshapes the rows, so it needs equally many rows per identity. With such rows the results are equal.
    """
    check_pair(visible, infrared, same_rows=infrared_labels is None)
    check_labels("labels", labels, visible, "visible")
    if infrared_labels is None:
        infrared_labels = labels
    check_labels("infrared_labels", infrared_labels, infrared, "infrared")
    with no_autocast(visible):
        v, t = full_precision(visible), full_precision(infrared)
        if normalise:
            v, t = F.normalize(v, eps=1e-12), F.normalize(t, eps=1e-12)
        sides = ((v, labels), (t, infrared_labels))
        pairs = ((sides[0], sides[0]), (sides[1], sides[1]), (sides[0], sides[1]), (sides[1], sides[0]))
        return torch.stack([hard_triplet(a, b, a_labels, b_labels, margin) for (a, a_labels), (b, b_labels) in pairs]).mean()


class FourWayHardTriplet(Loss):
    """Module of :func:`~vireid.losses.functional.four_way_hard_triplet`. The modalities may have different
    numbers of rows.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        margin: margin in units of distance, 0.4 in CM-NAS; a negative one selects the soft margin.
        normalise: whether to compare directions only: rows are divided by their L2 norm first.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self, weight: float = 1.0, margin: float = 0.4, normalise: bool = False, on: Level = "features", name: str = "triplet"
    ) -> None:
        super().__init__(weight, name)
        check_margin(margin)
        self.margin = float(margin)
        self.normalise = normalise
        self.on = on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one modality only.
        """
        check_modalities(self, output)
        v, t = output.visible, output.infrared
        return four_way_hard_triplet(v.level(self.on), t.level(self.on), v.labels, self.margin, self.normalise, t.labels)
