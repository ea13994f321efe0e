"""Correlation between the features of paired images."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level, check_modalities
from vireid.losses.functional.cross_correlation import check_divisor
from vireid.losses.inputs import Level, LossInputs
from vireid.settings import Recorded


class CrossCorrelation(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.cross_correlation`; row i of both modalities must be the same identity.

    Args:
        weight: factor in the sum.
        off_diagonal, divisor, standardise: see there.
        on: rows before or after the neck.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(
        self,
        weight: float = 1.0,
        off_diagonal: float = 0.051,
        divisor: float = 2048.0,
        standardise: bool = False,
        on: Level = "features",
        name: str = "cross_correlation",
    ) -> None:
        super().__init__(weight, name)
        check_divisor(off_diagonal, divisor)
        self.off_diagonal, self.divisor, self.standardise = float(off_diagonal), float(divisor), standardise
        self.on = check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: the batch has one modality.
        """
        check_modalities(self, output)
        rows, n = output.level(self.on), output.n_visible
        return functional.cross_correlation(rows[:n], rows[n:], self.off_diagonal, self.divisor, self.standardise)
