"""Consistency of views: the predictions of one view are the target of the other."""

from __future__ import annotations

from torch import Tensor

from vireid.losses.base import Loss, class_logits
from vireid.losses.checks import check_agreement
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import LossInputs


def prediction_consistency(logits: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of each row's prediction with the teacher's prediction as target, mean over rows; the teacher has no gradient.

    Args:
        logits: ``(n, C)`` logits of the student; row i of both must show the same identity.
        teacher: ``(n, C)`` logits of the teacher.

    Returns:
        Scalar, above 0: at least the entropy of the teacher's predictions.

    Raises:
        ValueError: the shapes differ.

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


class ViewConsistency(Loss):
    """Module of :func:`~vireid.losses.functional.prediction_consistency`: the second visible view teaches the first.

    With :class:`vireid.data.ChannelAugmentation` the second view has no colour.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, name: str = "consistency") -> None:
        super().__init__(weight, name)

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one view of every image only.
        """
        return prediction_consistency(class_logits(self, output.view(0)), class_logits(self, output.view(1)))
