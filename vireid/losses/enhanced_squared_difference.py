"""CAJ's triplet loss without a margin."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level
from vireid.losses.functional.enhanced_triplet import check_sharpness
from vireid.losses.functional.weighted_triplet import Stabilise, check_stabilise
from vireid.losses.inputs import Level, LossInputs
from vireid.settings import Recorded


class EnhancedSquaredDifference(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.enhanced_squared_difference`; modalities and views are not told apart.

    Args:
        weight: factor in the sum.
        alpha, gamma, square: see there; 1, 1 and true are published.
        stabilise: ``"faithful"`` to the authors' code or ``"corrected"``; they differ once distances exceed about 14 or squared gaps 88.
        on: rows before or after the neck.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(
        self,
        weight: float = 1.0,
        alpha: float = 1.0,
        gamma: float = 1.0,
        square: bool = True,
        stabilise: Stabilise = "faithful",
        on: Level = "features",
        name: str = "esd",
    ) -> None:
        super().__init__(weight, name)
        check_sharpness(alpha, gamma)
        check_stabilise(stabilise)
        self.alpha, self.gamma, self.square = float(alpha), float(gamma), square
        self.stabilise: Stabilise = stabilise
        self.on = check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted."""
        rows = output.level(self.on)
        return functional.enhanced_squared_difference(rows, output.labels, self.alpha, self.gamma, self.square, self.stabilise)
