"""Triplet loss within and across modalities."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level, check_modalities
from vireid.losses.functional.triplet import check_margin
from vireid.losses.inputs import Level, LossInputs
from vireid.settings import Recorded


class FourWayHardTriplet(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.four_way_hard_triplet`; the modalities may have different numbers of rows.

    Args:
        weight: factor in the sum.
        margin: 0.4 in CM-NAS; negative: soft margin.
        normalise: compare directions only.
        on: rows before or after the neck.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(
        self, weight: float = 1.0, margin: float = 0.4, normalise: bool = False, on: Level = "features", name: str = "triplet"
    ) -> None:
        super().__init__(weight, name)
        check_margin(margin)
        self.margin = float(margin)
        self.normalise = normalise
        self.on = check_level(on)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: a batch of one modality.
        """
        check_modalities(self, output)
        v, t = output.visible, output.infrared
        return functional.four_way_hard_triplet(v.level(self.on), t.level(self.on), v.labels, self.margin, self.normalise, t.labels)
