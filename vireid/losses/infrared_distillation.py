"""Infrared predictions as the teacher of visible ones."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_modalities, class_logits
from vireid.losses.functional.modality_heads import check_temperature
from vireid.losses.inputs import LossInputs
from vireid.settings import Recorded


class InfraredDistillation(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.softened_kl` between the first visible view and the infrared rows, which teach.

    Args:
        weight: factor in the sum; CAJ's published command has 0.
        temperature: above 0.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, temperature: float = 3.0, name: str = "infrared_kl") -> None:
        super().__init__(weight, name)
        check_temperature(temperature)
        self.temperature = float(temperature)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: a batch of one modality.
        """
        check_modalities(self, output)
        student, teacher = class_logits(self, output.view(0)), class_logits(self, output.infrared)
        return functional.softened_kl(student, teacher, self.temperature)
