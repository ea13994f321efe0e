"""One view's predictions as the target of the other's."""

from __future__ import annotations

from torch import Tensor

from vireid.losses import functional
from vireid.losses.base import Loss, class_logits
from vireid.losses.inputs import LossInputs
from vireid.settings import Recorded


class ViewConsistency(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.prediction_consistency`: the second visible view teaches the first.

    With :class:`vireid.data.ChannelAugmentation` the second is the one without colour.

    Args:
        weight: factor in the sum.
        name: under which it is logged.

    Raises:
        ValueError: arguments out of range.
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, name: str = "consistency") -> None:
        super().__init__(weight, name)

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: a batch with one view of every image.
        """
        return functional.prediction_consistency(class_logits(self, output.view(0)), class_logits(self, output.view(1)))
