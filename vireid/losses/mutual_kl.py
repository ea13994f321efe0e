"""Mutual learning: the classifiers of the two modalities learn from each other."""

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
    """KL divergence, on the rows of each modality, between its own classifier and the classifier of the other modality.

    It is ``T^2 KL(softmax(other / T) || softmax(own / T))``, the term of visible rows plus that of infrared rows. A modality without
    rows adds nothing.

    Args:
        logits: ``(B, 2, C)``, visible classifier first.
        n_visible: number of visible rows, which come first; 0..B.
        reduction: ``"batchmean"`` sums over classes and takes the mean over rows; ``"mean"`` also divides by C, the number of
            classes, and is C times weaker (the public code does so on RegDB).
        detach_target: whether the other classifier is a teacher only, without gradient.
        temperature: T, above 0.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: the shapes do not fit, or an argument is out of range.

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
    """Raise ``ValueError`` unless ``reduction`` is one of the two choices."""
    if reduction not in ("batchmean", "mean"):
        raise ValueError(f'`reduction` must be "batchmean" or "mean", got {reduction!r}.')


class MutualKL(Loss):
    """Module of :func:`~vireid.losses.functional.mutual_kl`. It reads the extra ``modality_logits``.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        reduction: ``"batchmean"`` takes the mean over rows; ``"mean"`` also divides by the number of classes.
        detach_target: whether the other classifier is a teacher only, without gradient.
        temperature: divides logits before the softmax, above 0.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
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
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the network has no classifier per modality.
        """
        logits = output.extra("modality_logits", GIVER)
        return mutual_kl(logits, output.n_visible, self.reduction, self.detach_target, self.temperature)
