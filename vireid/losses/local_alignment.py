"""Triplet loss on strips aligned along a shortest path."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level
from vireid.losses.functional.triplet import check_margin
from vireid.losses.inputs import Level, LossInputs
from vireid.losses.part_cross_entropy import GIVER
from vireid.settings import Recorded


class LocalAlignment(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.local_alignment`; reads ``strips`` ``(B, H, d)`` among the network's extras.

    Args:
        weight: factor in the sum.
        margin: negative: soft margin.
        on: which rows choose the hardest pairs.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(self, weight: float = 1.0, margin: float = 0.3, on: Level = "features", name: str = "local_alignment") -> None:
        super().__init__(weight, name)
        check_margin(margin)
        self.margin, self.on = float(margin), check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: the network gives no strips.
        """
        return functional.local_alignment(output.extra("strips", GIVER), output.level(self.on), output.labels, self.margin)
