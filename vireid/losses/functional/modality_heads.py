"""Losses of classifiers that each belong to one modality."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.functional.checks import check_labels
from vireid.losses.functional.distances import full_precision, no_autocast

Reduction = Literal["batchmean", "mean"]


def modality_cross_entropy(logits: Tensor, labels: Tensor, n_visible: int, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of the visible classifier on visible rows plus that of the infrared one on infrared rows.

    A modality without rows adds nothing.

    Args:
        logits: ``(B, 2, C)``, visible classifier first; only those of a row's own modality count.
        labels: ``(B,)`` class indices.
        n_visible: number of visible rows, which come first; 0..B.
        label_smoothing: e in the target ``(1 - e) onehot + e / C``.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> logits = torch.tensor([[[0.0, 0.0], [9.0, 0.0]], [[9.0, 0.0], [0.0, 0.0]]])
        >>> modality_cross_entropy(logits, torch.tensor([0, 1]), 1)
        tensor(1.3863)
    """
    check_modality_logits(logits, n_visible)
    check_labels("labels", labels, logits, "logits")
    with no_autocast(logits):
        own = [(side[:, modality], side_labels) for modality, side, side_labels in _sides(full_precision(logits), labels, n_visible)]
        return torch.stack([F.cross_entropy(rows, targets, label_smoothing=label_smoothing) for rows, targets in own]).sum()


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
        for modality, side, _ in _sides(full_precision(logits) / temperature, logits, n_visible):
            own, other = side[:, modality].log_softmax(1), side[:, 1 - modality].log_softmax(1)
            other = other.detach() if detach_target else other
            terms.append((other.exp() * (other - own)).sum() / (own.numel() if reduction == "mean" else len(own)))
        return temperature**2 * torch.stack(terms).sum()


def _sides(logits: Tensor, others: Tensor, n_visible: int) -> list[tuple[int, Tensor, Tensor]]:
    """Number of the modality, and its rows of both tensors, where there are any."""
    parts = ((0, slice(None, n_visible)), (1, slice(n_visible, None)))
    return [(modality, logits[rows], others[rows]) for modality, rows in parts if len(logits[rows])]


def check_modality_logits(logits: Tensor, n_visible: int) -> None:
    """Raise ``ValueError`` unless ``logits`` is ``(B, 2, C)`` of at least one row, and ``n_visible`` 0..B."""
    if logits.ndim != 3 or logits.shape[1] != 2 or not len(logits):
        raise ValueError(f"`logits` must have shape (rows, 2, classes) with at least one row, got {tuple(logits.shape)}.")
    if not 0 <= n_visible <= len(logits):
        raise ValueError(f"`n_visible` must be 0 to {len(logits)}, the number of rows, got {n_visible}.")


def check_reduction(reduction: str) -> None:
    """Raise ``ValueError`` for a reduction that does not exist."""
    if reduction not in ("batchmean", "mean"):
        raise ValueError(f'`reduction` must be "batchmean" or "mean", got {reduction!r}.')


def check_temperature(temperature: float) -> None:
    """Raise ``ValueError`` unless ``temperature`` is finite and above 0."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"`temperature` must be a finite number above 0, got {temperature}.")
