"""Identity classification with one classifier per modality."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss
from vireid.losses.checks import check_labels, check_modality_logits
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import LossInputs

GIVER = "`model.init_args.head` to vireid.models.MutualLearningHead"


def modality_cross_entropy(logits: Tensor, labels: Tensor, n_visible: int, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of the visible classifier on visible rows plus that of the infrared one on infrared rows.

    A modality without rows adds nothing.

    Args:
        logits: ``(B, 2, C)``, visible classifier first; only the logits of a row's own modality count.
        labels: ``(B,)`` class indices.
        n_visible: number of visible rows, which come first; 0..B.
        label_smoothing: e in the target ``(1 - e) onehot + e / C``.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> logits = torch.tensor([[[0.0, 0.0], [9.0, 0.0]], [[9.0, 0.0], [0.0, 0.0]]])
        >>> modality_cross_entropy(logits, torch.tensor([0, 1]), 1)
        tensor(1.3863)
    """
    check_modality_logits(logits, n_visible)
    check_labels("labels", labels, logits, "logits")
    with no_autocast(logits):
        own = [(side[:, modality], side_labels) for modality, side, side_labels in modality_rows(full_precision(logits), labels, n_visible)]
        return torch.stack([F.cross_entropy(rows, targets, label_smoothing=label_smoothing) for rows, targets in own]).sum()


class ModalityCrossEntropy(Loss):
    """Module of :func:`~vireid.losses.functional.modality_cross_entropy`. It reads the extra ``modality_logits``.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        label_smoothing: e in the target ``(1 - e) onehot + e / C``, 0 to below 1.
        name: name under which this term is logged.

    Raises:
        ValueError: ``label_smoothing`` is out of range.
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, label_smoothing: float = 0.0, name: str = "modality_ce") -> None:
        super().__init__(weight, name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"`label_smoothing` must be at least 0 and below 1, got {label_smoothing}.")
        self.label_smoothing = float(label_smoothing)

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the network has no classifier per modality.
        """
        logits = output.extra("modality_logits", GIVER)
        return modality_cross_entropy(logits, output.labels, output.n_visible, self.label_smoothing)


def modality_rows(logits: Tensor, others: Tensor, n_visible: int) -> list[tuple[int, Tensor, Tensor]]:
    """For each modality that has rows: its number, and its rows of both tensors."""
    parts = ((0, slice(None, n_visible)), (1, slice(n_visible, None)))
    return [(modality, logits[rows], others[rows]) for modality, rows in parts if len(logits[rows])]
