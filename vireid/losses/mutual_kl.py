"""Classifiers of two modalities that learn from one another."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss
from vireid.losses.functional.modality_heads import Reduction, check_reduction, check_temperature
from vireid.losses.inputs import LossInputs
from vireid.losses.modality_cross_entropy import GIVER
from vireid.settings import Recorded


class MutualKL(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.mutual_kl`; reads ``modality_logits`` among the network's extras.

    Args:
        weight: factor in the sum.
        reduction: ``"batchmean"``, or ``"mean"``, which divides by the number of classes too.
        detach_target: whether the other classifier is a teacher only, without gradient.
        temperature: above 0.
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
        return functional.mutual_kl(logits, output.n_visible, self.reduction, self.detach_target, self.temperature)
