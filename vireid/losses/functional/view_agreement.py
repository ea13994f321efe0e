"""Losses that make logits of the same identities, seen in two ways, agree (CAJ and its extension)."""

from __future__ import annotations

from torch import Tensor

from vireid.losses.functional.checks import check_rows
from vireid.losses.functional.distances import full_precision, no_autocast
from vireid.losses.functional.modality_heads import check_temperature

PROBABILITY_FLOOR = 1e-7


def softened_kl(logits: Tensor, teacher: Tensor, temperature: float = 3.0) -> Tensor:
    """``T^2 KL(softmax(teacher / T) || softmax(logits / T))``, mean over rows; the teacher has no gradient.

    As in the authors' code 1e-7 is added to the teacher's probabilities, which then sum to a little more than 1.

    Args:
        logits: ``(n, C)``; row i of both must show the same identity.
        teacher: ``(n, C)``.
        temperature: T, above 0.

    Returns:
        Scalar, at least 0 but for what the addition brings.

    Raises:
        ValueError: shapes that differ, or a temperature out of range.

    Example:
        >>> import torch
        >>> softened_kl(torch.zeros(1, 2), torch.tensor([[0.0, 3.0]]))
        tensor(0.9985)

    Reference:
        Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015; Ye et al.: Channel Augmented Joint Learning for
        Visible-Infrared Recognition, ICCV 2021 (public code, where its published weight is 0).
    """
    check_agreement(logits, teacher)
    check_temperature(temperature)
    with no_autocast(logits):
        target = (full_precision(teacher).detach() / temperature).softmax(1) + PROBABILITY_FLOOR
        predicted = (full_precision(logits) / temperature).log_softmax(1)
        return temperature**2 * (target * (target.log() - predicted)).sum(1).mean()


def prediction_consistency(logits: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of each row's prediction with the teacher's prediction as its target, mean over rows; no gradient to the teacher.

    Args:
        logits: ``(n, C)``; row i of both must show the same identity.
        teacher: ``(n, C)``.

    Returns:
        Scalar, above 0: at least the entropy of the teacher's predictions.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> import torch
        >>> prediction_consistency(torch.zeros(1, 4), torch.tensor([[50.0, 0.0, 0.0, 0.0]]))
        tensor(1.3863)

    Reference:
        The extension of Ye et al.: Channel Augmented Joint Learning for Visible-Infrared Recognition, in TPAMI 2023 (public code).
    """
    check_agreement(logits, teacher)
    with no_autocast(logits):
        return -(full_precision(teacher).detach().softmax(1) * full_precision(logits).log_softmax(1)).sum(1).mean()


def check_agreement(logits: Tensor, teacher: Tensor) -> None:
    """Raise ``ValueError`` unless both are ``(n, C)``."""
    check_rows("logits", logits)
    if logits.shape != teacher.shape:
        raise ValueError(
            f"`logits` and `teacher` must have the same shape, because row i of both must be the same identity; "
            f"got {tuple(logits.shape)} and {tuple(teacher.shape)}."
        )
