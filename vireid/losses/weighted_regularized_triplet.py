"""AGW's triplet loss without a margin."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level
from vireid.losses.functional.weighted_triplet import Stabilise, check_stabilise
from vireid.losses.inputs import Level, LossInputs
from vireid.settings import Recorded


class WeightedRegularizedTriplet(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.weighted_regularized_triplet`; modalities are not told apart.

    Args:
        weight: factor in the sum.
        stabilise: ``"faithful"`` to the authors' code or ``"corrected"``; they differ once distances exceed about 14.
        on: rows before or after the neck.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(self, weight: float = 1.0, stabilise: Stabilise = "faithful", on: Level = "features", name: str = "wrt") -> None:
        super().__init__(weight, name)
        check_stabilise(stabilise)
        self.stabilise: Stabilise = stabilise
        self.on = check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted."""
        return functional.weighted_regularized_triplet(output.level(self.on), output.labels, self.stabilise)
