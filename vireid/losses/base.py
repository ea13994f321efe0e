"""Base class of all loss modules."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.losses.inputs import LossInputs
from vireid.settings import Recorded


class Loss(Recorded, nn.Module, ABC):
    """A term of the training objective. ``forward`` returns it without its weight; :class:`~vireid.losses.LossSum` applies ``weight``.

    Derive your own loss from this class. The arguments of the constructor are recorded, and a checkpoint rebuilds the loss from them.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        name: name under which this term is logged; unique within a sum.

    Attributes:
        needs_classes: whether the term reads logits. Such a term cannot be used on identities without a class.

    Raises:
        ValueError: the weight is below 0 or not finite, or the name is empty.
    """

    needs_classes: bool = False

    def __init__(self, weight: float, name: str) -> None:
        super().__init__()
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"`weight` must be a finite number of at least 0, got {weight}.")
        if not name:
            raise ValueError("`name` must not be empty.")
        self.weight = float(weight)
        self.name = name

    @abstractmethod
    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight."""

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        return f"name={self.name!r}, weight={self.weight}"


def check_modalities(loss: Loss, output: LossInputs, or_else: str = "") -> None:
    """Raise ``SettingsError`` unless the batch has rows of both modalities, which ``loss`` compares.

    Args:
        loss: loss whose class the message names.
        output: batch after the network.
        or_else: text for the message that says what ``loss`` offers for one modality, such as "set `argument`, or ".
    """
    rows = output.labels.shape[0]
    if output.n_visible in (0, rows):
        kind = "visible" if output.n_visible else "infrared"
        raise SettingsError(
            f"`{type(loss).__name__}` compares visible with infrared rows, but all {rows} rows of this batch are {kind}. For data of one "
            f"modality {or_else}set `model.init_args.losses` to losses such as vireid.losses.CrossEntropy and "
            "vireid.losses.BatchHardTriplet."
        )


def class_logits(loss: Loss, output: LossInputs) -> Tensor:
    """``(n, C)`` logits of ``output``.

    Raises:
        ValueError: ``output`` has no logits.
    """
    if output.logits is None:
        raise ValueError(
            f"{type(loss).__name__} needs `logits`, but these rows have no classes; sum the other losses with `without_classes=True`."
        )
    return output.logits
