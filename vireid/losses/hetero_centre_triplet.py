"""Triplet loss over the centres of identities in both modalities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vireid.losses.base import Loss, check_modalities
from vireid.losses.batch_hard_triplet import batch_hard_triplet
from vireid.losses.checks import check_labels, check_margin, check_pair
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs
from vireid.losses.part_cross_entropy import GIVER


def hetero_centre_triplet(visible: Tensor, infrared: Tensor, labels: Tensor, k: int, margin: float = 0.3) -> Tensor:
    """Batch-hard triplet loss over the centres of every identity in each modality.

    Args:
        visible, infrared: ``(P * k, d)`` features, any scale; both have the same identities in the same runs of ``k`` rows.
        labels: ``(P * k,)`` integers: labels of both modalities.
        k: images per identity and modality, at least 1.
        margin: see :func:`hard_triplet`.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: the shapes do not fit, or the number of rows is not a multiple of ``k``.

    Example:
        >>> visible = torch.tensor([[0.0], [2.0], [4.0], [6.0]])  # centres 1 and 5; infrared 2 and 6
        >>> hetero_centre_triplet(visible, visible + 1, torch.tensor([0, 0, 1, 1]), k=2, margin=3.0)
        tensor(0.5000)

    Reference:
        Feng et al.: Homogeneous and Heterogeneous Relational Graph for Visible-infrared Person Re-identification, arXiv 2109.08811
        (public code); after Liu, Tan, Zhou: Parameter Sharing Exploration and Hetero-Center Triplet Loss, TMM 2020.
    """
    check_pair(visible, infrared)
    check_labels("labels", labels, visible, "visible")
    if k < 1 or visible.shape[0] % k:
        raise ValueError(f"Identities must come in runs of `k` rows per modality: {visible.shape[0]} rows are not a multiple of k={k}.")
    with no_autocast(visible):
        rows = torch.cat((full_precision(visible), full_precision(infrared)))
        centres = rows.reshape(-1, k, rows.shape[1]).mean(dim=1)
        return batch_hard_triplet(centres, labels[::k].repeat(2), margin)


class HeteroCentreTriplet(Loss):
    """Module of :func:`~vireid.losses.functional.hetero_centre_triplet`, alone or summed over parts as in HHRG.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        margin: margin in units of distance; a negative one selects the soft margin.
        on: which rows the loss compares if there are no ``parts``: ``features`` before the neck or ``embeddings`` after it.
        parts: name of ``(B, parts, d)`` features among the network's extras; then the loss is that of all parts concatenated, plus
            ``part_weight`` times the sum of the losses of the single parts.
        part_weight: factor of the sum over the parts, at least 0; 2 in HHRG.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        weight: float = 1.0,
        margin: float = 0.3,
        on: Level = "features",
        parts: str | None = None,
        part_weight: float = 2.0,
        name: str = "hetero_centre",
    ) -> None:
        super().__init__(weight, name)
        check_margin(margin)
        if not (math.isfinite(part_weight) and part_weight >= 0):
            raise ValueError(f"`part_weight` must be a finite number of at least 0, got {part_weight}.")
        self.margin = float(margin)
        self.on = on
        self.parts = parts
        self.part_weight = float(part_weight)

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one modality only, or the network has no such parts.
        """
        check_modalities(self, output)
        if self.parts is None:
            return self._of(output.level(self.on), output)
        parts = output.extra(self.parts, GIVER)
        each = [self._of(part, output) for part in parts.unbind(1)]
        return self._of(parts.flatten(1), output) + self.part_weight * sum(each[1:], each[0])

    def _of(self, rows: Tensor, output: LossInputs) -> Tensor:
        n = output.n_visible
        return hetero_centre_triplet(rows[:n], rows[n:], output.labels[:n], output.k, self.margin)
