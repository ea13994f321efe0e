"""Identity classification by a classifier of each modality."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss
from vireid.losses.inputs import LossInputs
from vireid.settings import Recorded

GIVER = "`model.init_args.head` to vireid.models.MutualLearningHead"


class ModalityCrossEntropy(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.modality_cross_entropy`; reads ``modality_logits`` among the network's extras.

    Args:
        weight: factor in the sum.
        label_smoothing: e in the target ``(1 - e) onehot + e / C``, 0 to below 1.
        name: under which it is logged.

    Raises:
        ValueError: ``label_smoothing`` out of range.
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, label_smoothing: float = 0.0, name: str = "modality_ce") -> None:
        super().__init__(weight, name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"`label_smoothing` must be at least 0 and below 1, got {label_smoothing}.")
        self.label_smoothing = float(label_smoothing)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: the network has no classifiers of modalities.
        """
        logits = output.extra("modality_logits", GIVER)
        return functional.modality_cross_entropy(logits, output.labels, output.n_visible, self.label_smoothing)
