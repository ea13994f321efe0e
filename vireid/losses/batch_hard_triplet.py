"""Triplet loss over the whole batch."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level
from vireid.losses.functional.triplet import check_margin
from vireid.losses.inputs import Level, LossInputs
from vireid.settings import Recorded


class BatchHardTriplet(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.batch_hard_triplet`; modalities are not told apart.

    Args:
        weight: factor in the sum.
        margin: 0.3 in AGW's baseline; negative: soft margin.
        normalise: compare directions only.
        on: rows before or after the neck.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(
        self, weight: float = 1.0, margin: float = 0.3, normalise: bool = False, on: Level = "features", name: str = "batch_hard"
    ) -> None:
        super().__init__(weight, name)
        check_margin(margin)
        self.margin = float(margin)
        self.normalise = normalise
        self.on = check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted."""
        return functional.batch_hard_triplet(output.level(self.on), output.labels, self.margin, self.normalise)
