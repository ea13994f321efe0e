"""Triplet loss over the centres of identities in both modalities."""

from __future__ import annotations

import math

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, check_level, check_modalities
from vireid.losses.functional.triplet import check_margin
from vireid.losses.inputs import Level, LossInputs
from vireid.losses.part_cross_entropy import GIVER
from vireid.settings import Recorded


class HeteroCentreTriplet(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.hetero_centre_triplet`, alone or summed over parts as in HHRG.

    Args:
        weight: factor in the sum.
        margin: negative: soft margin.
        on: rows before or after the neck, where there are no ``parts``.
        parts: name of ``(B, parts, d)`` features among the network's extras; then the loss is that of all parts beside one another plus
            ``part_weight`` times the sum of those of every part.
        part_weight: 2 in HHRG; at least 0.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    def __init__(
        self,
        weight: float = 1.0,
        margin: float = 0.3,
        on: Level = "features",
        parts: str | None = None,
        part_weight: float = 2.0,
        name: str = "hetero_centre",
    ) -> None:
        super().__init__(weight, name)
        check_margin(margin)
        if not (math.isfinite(part_weight) and part_weight >= 0):
            raise ValueError(f"`part_weight` must be a finite number of at least 0, got {part_weight}.")
        self.margin, self.on, self.parts, self.part_weight = float(margin), check_level(on), parts, float(part_weight)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: the batch has one modality, or the network has no such parts.
        """
        check_modalities(self, output)
        if self.parts is None:
            return self._of(output.level(self.on), output)
        parts = output.extra(self.parts, GIVER)
        each = [self._of(part, output) for part in parts.unbind(1)]
        return self._of(parts.flatten(1), output) + self.part_weight * sum(each[1:], each[0])

    def _of(self, rows: Tensor, output: LossInputs) -> Tensor:
        n = output.n_visible
        return functional.hetero_centre_triplet(rows[:n], rows[n:], output.labels[:n], output.k, self.margin)
