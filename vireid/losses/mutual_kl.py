"""Classifiers of two modalities that learn from one another."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from vireid.losses.base import Loss
from vireid.losses.checks import check_modality_logits, check_temperature
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import LossInputs
from vireid.losses.modality_cross_entropy import GIVER, modality_rows

Reduction = Literal["batchmean", "mean"]


def mutual_kl(
    logits: Tensor, n_visible: int, reduction: Reduction = "batchmean", detach_target: bool = True, temperature: float = 1.0
) -> Tensor:
    """How far, on each modality's rows, its own classifier is from what the other modality's classifier says of the same rows.

    ``T^2 KL(softmax(other / T) || softmax(own / T))``, on visible rows plus on infrared rows. A modality without rows adds nothing.

    Args:
        logits: ``(B, 2, C)``, visible classifier first.
        n_visible: number of visible rows, which come first; 0..B.
        reduction: ``"batchmean"`` sums over classes and takes the mean over rows; ``"mean"`` also divides by C, which for C classes
            is C times weaker (the public code does so on RegDB).
        detach_target: whether the other classifier is a teacher only, without gradient.
        temperature: T, above 0.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: shapes that do not fit, or arguments out of range.

    Example:
        >>> logits = torch.tensor([[[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]])
        >>> [round(float(mutual_kl(logits, 1, reduction)), 3) for reduction in ("batchmean", "mean")]
        [0.111, 0.055]

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID", without temperature; Zhang, Xiang, Hospedales, Lu: Deep Mutual
        Learning, CVPR 2018; Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015 (the factor T^2).
    """
    check_modality_logits(logits, n_visible)
    check_reduction(reduction)
    check_temperature(temperature)
    with no_autocast(logits):
        terms = []
        for modality, side, _ in modality_rows(full_precision(logits) / temperature, logits, n_visible):
            own, other = side[:, modality].log_softmax(1), side[:, 1 - modality].log_softmax(1)
            other = other.detach() if detach_target else other
            terms.append((other.exp() * (other - own)).sum() / (own.numel() if reduction == "mean" else len(own)))
        return temperature**2 * torch.stack(terms).sum()


def check_reduction(reduction: str) -> None:
    """Raise ``ValueError`` for a reduction that does not exist."""
    if reduction not in ("batchmean", "mean"):
        raise ValueError(f'`reduction` must be "batchmean" or "mean", got {reduction!r}.')


class MutualKL(Loss):
    """Module of :func:`~vireid.losses.functional.mutual_kl`; reads ``modality_logits`` among the network's extras.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        reduction: ``"batchmean"``, or ``"mean"``, which divides by the number of classes too.
        detach_target: whether the other classifier is a teacher only, without gradient.
        temperature: divides logits before the softmax, above 0.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    needs_classes = True

    def __init__(
        self,
        weight: float = 1.0,
        reduction: Reduction = "batchmean",
        detach_target: bool = True,
        temperature: float = 1.0,
        name: str = "mutual_kl",
    ) -> None:
        super().__init__(weight, name)
        check_reduction(reduction)
        check_temperature(temperature)
        self.reduction: Reduction = reduction
        self.detach_target, self.temperature = detach_target, float(temperature)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: the network has no classifiers of modalities.
        """
        logits = output.extra("modality_logits", GIVER)
        return mutual_kl(logits, output.n_visible, self.reduction, self.detach_target, self.temperature)
