"""Identity classification."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss, class_logits
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import LossInputs


class CrossEntropy(Loss):
    """Mean cross-entropy over all rows of both modalities.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        label_smoothing: e in the target ``(1 - e) onehot + e / C``, 0 to below 1.
        name: name under which this term is logged.

    Raises:
        ValueError: ``label_smoothing`` is out of range.

    Example:
        >>> import torch
        >>> rows, labels = torch.zeros(2, 4), torch.tensor([0, 1])
        >>> CrossEntropy()(LossInputs(rows, rows, torch.zeros(2, 5), labels, n_visible=1))
        tensor(1.6094)
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, label_smoothing: float = 0.0, name: str = "ce") -> None:
        super().__init__(weight, name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"`label_smoothing` must be at least 0 and below 1, got {label_smoothing}.")
        self.label_smoothing = float(label_smoothing)

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight."""
        logits = class_logits(self, output)
        with no_autocast(logits):
            return F.cross_entropy(full_precision(logits), output.labels, label_smoothing=self.label_smoothing)
