"""Triplet loss on strips aligned along a shortest path."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss
from vireid.losses.checks import check_labels, check_margin, check_rows
from vireid.losses.distances import FLOOR, floored_distances, full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs
from vireid.losses.part_cross_entropy import GIVER


def aligned_distances(first: Tensor, second: Tensor) -> Tensor:
    """Cost of the shortest monotone path from the first strips of two images to their last strips.

    Strips i and j cost ``tanh(euclid / 2)``; each step goes to the next strip of one of the images. Strips
    of equal ``i + j`` are computed at once.

    Args:
        first, second: ``(..., H, d)`` strips of any number of pairs; the leading dimensions broadcast.

    Returns:
        ``(...)`` distances, at least 0.

    Example:
        >>> strips = torch.tensor([[0.0], [1.0], [2.0]])
        >>> float(aligned_distances(strips, strips)), float(aligned_distances(strips[:1], strips[1:2]))  # two steps between neighbours
        (0.9242..., 0.4621...)

    Reference:
        Zhang et al.: AlignedReID: Surpassing Human-Level Performance in Person Re-Identification, arXiv 1711.08184, eq. 1-2.
    """
    squares = first.square().sum(-1)[..., :, None] + second.square().sum(-1)[..., None, :] - 2 * first @ second.mT
    costs = torch.tanh(squares.clamp(min=FLOOR).sqrt() / 2)
    height, width = costs.shape[-2:]
    column = torch.arange(height + width - 1, device=costs.device)[None, :] - torch.arange(height, device=costs.device)[:, None]
    outside = (column < 0) | (column >= width)
    skewed = costs.gather(-1, column.clamp(0, width - 1).expand(*costs.shape[:-2], -1, -1)).masked_fill(outside, math.inf)
    path = skewed[..., 0]  # (..., H): cost of the path to strip i of `first`, and as many diagonals further of `second`
    for diagonal in range(1, height + width - 1):
        path = skewed[..., diagonal] + torch.minimum(path, F.pad(path[..., :-1], (1, 0), value=math.inf))
    return path[..., -1]


def local_alignment(strips: Tensor, features: Tensor, labels: Tensor, margin: float = 0.3) -> Tensor:
    """Triplet loss on aligned distances. The directions of global features select the hardest pairs.

    Only the hardest positive and the hardest negative of each image are aligned. No gradient reaches ``features``.

    Args:
        strips: ``(B, H, d)`` features of the horizontal strips of each image, top to bottom; only their directions count.
        features: ``(B, D)`` global features, any scale.
        labels: ``(B,)`` integers.
        margin: see :func:`hard_triplet`.

    Returns:
        Scalar, at least 0. An image without a negative contributes zero.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1])
        >>> strips = labels[:, None, None] + torch.zeros(4, 6, 8)  # six strips of every image
        >>> local_alignment(strips, strips.mean(1), labels).ndim
        0

    Reference:
        Feng et al.: Homogeneous and Heterogeneous Relational Graph for Visible-infrared Person Re-identification, arXiv 2109.08811
        (public code).
    """
    check_rows("features", features)
    check_labels("labels", labels, features, "features")
    check_margin(margin)
    if strips.ndim != 3 or strips.shape[0] != features.shape[0]:
        raise ValueError(f"`strips` must be (B, H, d) for the {features.shape[0]} rows of `features`, got {tuple(strips.shape)}.")
    with no_autocast(features):
        strips = F.normalize(full_precision(strips), dim=2, eps=FLOOR)
        positive, negative = hardest_pairs(features, labels)
        gap = aligned_distances(strips, strips[positive]) - aligned_distances(strips, strips[negative])
        violation = F.softplus(gap) if margin < 0 else F.relu(gap + margin)
        return (violation * (labels[negative] != labels)).mean()


def hardest_pairs(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """``(B,)`` rows of the farthest image of the same identity and of the nearest one of another, by directions of ``features``."""
    with torch.no_grad():
        rows = F.normalize(full_precision(features), eps=FLOOR)
        distances, same = floored_distances(rows, rows), labels[:, None] == labels
        return distances.masked_fill(~same, -math.inf).argmax(1), distances.masked_fill(same, math.inf).argmin(1)


class LocalAlignment(Loss):
    """Module of :func:`~vireid.losses.functional.local_alignment`. It reads the extra ``strips`` ``(B, H, d)``.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        margin: margin in units of distance; a negative one selects the soft margin.
        on: which rows select the hardest pairs: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, weight: float = 1.0, margin: float = 0.3, on: Level = "features", name: str = "local_alignment") -> None:
        super().__init__(weight, name)
        check_margin(margin)
        self.margin, self.on = float(margin), on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the network returns no strips.
        """
        return local_alignment(output.extra("strips", GIVER), output.level(self.on), output.labels, self.margin)
