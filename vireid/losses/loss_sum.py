"""The weighted sum of losses that a task minimises."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vireid.losses.base import Loss
from vireid.losses.inputs import LossInputs
from vireid.settings import Recorded


class LossSum(Recorded, nn.Module):
    """``sum(weight * loss)`` and the weighted terms by name.

    Args:
        losses: loss modules, at least one, with different names.

    Raises:
        ValueError: there are no losses, or two losses have the same name.
        TypeError: an item is not a loss.

    Example:
        >>> from vireid.losses import BatchHardTriplet, CrossEntropy
        >>> rows, labels = torch.zeros(2, 4), torch.tensor([0, 1])
        >>> total, terms = LossSum([CrossEntropy(), BatchHardTriplet(0.5)])(LossInputs(rows, rows, torch.zeros(2, 5), labels, 1))
        >>> total, {name: round(float(value), 2) for name, value in terms.items()}
        (tensor(1.7594), {'ce': 1.61, 'batch_hard': 0.15})
    """

    def __init__(self, losses: Sequence[Loss]) -> None:
        super().__init__()
        if not losses:
            raise ValueError("`losses` must hold at least one loss.")
        for loss in losses:
            if not isinstance(loss, Loss):
                raise TypeError(f"`losses` must hold modules that derive from vireid.losses.Loss, got {type(loss).__name__}.")
        names = [loss.name for loss in losses]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"`losses` must have different names, {', '.join(repeated)} repeats; give one of them another `name`.")
        self.losses = nn.ModuleList(losses)

    def forward(self, output: LossInputs, without_classes: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """Total loss and weighted terms.

        Args:
            output: one batch after the network.
            without_classes: whether to leave out the losses that need classes, for identities that the classifier does not know.

        Returns:
            The scalar total, with gradient, and ``{name: weighted scalar}``, detached, for logging.

        Raises:
            ValueError: every loss needs classes and ``without_classes`` is set.
        """
        terms: dict[str, Tensor] = {}
        for loss in self.losses:
            assert isinstance(loss, Loss)  # checked at construction; ModuleList forgets it
            if not (without_classes and loss.needs_classes):
                terms[loss.name] = loss.weight * loss(output)
        if not terms:
            raise ValueError("No loss is left without those that need classes; add one such as FourWayHardTriplet to `losses`.")
        total = torch.stack(list(terms.values())).sum()
        return total, {name: value.detach() for name, value in terms.items()}
