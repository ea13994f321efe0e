"""Correlation consistency between modalities."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level, check_modalities
from vireid.losses.inputs import Level, LossInputs
from vireid.settings import Recorded


class SimilarityPreserving(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.similarity_preserving`.

    Args:
        weight: factor in the sum; 5 in CM-NAS.
        on: rows before or after the neck.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(self, weight: float = 5.0, on: Level = "embeddings", name: str = "sp") -> None:
        super().__init__(weight, name)
        self.on = check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: a batch of one modality.
        """
        check_modalities(self, output)
        return functional.similarity_preserving(output.visible.level(self.on), output.infrared.level(self.on))
