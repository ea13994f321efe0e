"""Class-specific maximum mean discrepancy."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level, check_modalities
from vireid.losses.inputs import Level, LossInputs
from vireid.settings import Recorded


class ClassMMD(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.class_mmd`; runs of ``LossInputs.k`` rows are identities.

    Args:
        weight: factor in the sum; 0.05 in CM-NAS.
        on: rows before or after the neck.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(self, weight: float = 0.05, on: Level = "embeddings", name: str = "cmmd") -> None:
        super().__init__(weight, name)
        self.on = check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: a batch of one modality.
        """
        check_modalities(self, output)
        return functional.class_mmd(output.visible.level(self.on), output.infrared.level(self.on), output.k)
