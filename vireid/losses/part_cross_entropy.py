"""Identity classification of parts."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import LossInputs

GIVER = "`model.init_args.head` to vireid.models.StripeHead"


class PartCrossEntropy(Loss):
    """Cross-entropy of the classifiers of all parts: the sum over the parts, and the mean over the batch.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        label_smoothing: e in the target ``(1 - e) onehot + e / C``, 0 to below 1.
        logits: name of ``(B, parts, C)`` logits among the network's extras.
        name: name under which this term is logged.

    Raises:
        ValueError: ``label_smoothing`` is out of range.

    Reference:
        Sun, Zheng, Yang, Tian, Wang: Beyond Part Models: Person Retrieval with Refined Part Pooling, ECCV 2018.
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, label_smoothing: float = 0.0, logits: str = "part_logits", name: str = "part_ce") -> None:
        super().__init__(weight, name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"`label_smoothing` must be at least 0 and below 1, got {label_smoothing}.")
        self.label_smoothing, self.logits = float(label_smoothing), logits

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the network has no such logits.
        """
        logits = output.extra(self.logits, GIVER)
        with no_autocast(logits):
            targets = output.labels[:, None].expand(-1, logits.shape[1])
            mean = F.cross_entropy(full_precision(logits).mT, targets, label_smoothing=self.label_smoothing)
            return logits.shape[1] * mean
