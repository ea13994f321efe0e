"""Means over an epoch of the values of every batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from vireid.losses.distances import full_precision


class EpochMeans:
    """Means over the rows of an epoch, of scalars that come batch by batch.

    A batch adds one vector, and the means are read once. Lightning would need about the time of a layer to log each scalar of each batch.

    Example:
        >>> means = EpochMeans()
        >>> means.add({"loss": torch.tensor(1.0)}, rows=1)
        >>> means.add({"loss": torch.tensor(5.0)}, rows=3)
        >>> means.pop()
        {'loss': tensor(4.)}
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], tuple[Tensor, int]] = {}
        self._popped: dict[str, Tensor] = {}

    def add(self, values: Mapping[str, Tensor], rows: int) -> None:
        """Values of one batch; no gradient is kept.

        Args:
            values: scalars by name. Names that come together must always do so, in the same order.
            rows: of the batch, the weight of its values.
        """
        names, added = tuple(values), full_precision(torch.stack(list(values.values())).detach()) * rows
        before, count = self._sums.get(names, (0.0, 0))
        self._sums[names] = before + added, count + rows

    def so_far(self) -> dict[str, Tensor]:
        """The mean of every value since the last :meth:`pop`; what that gave until the next batch."""
        if not self._sums:
            return self._popped
        sums = self._sums.items()
        return {name: mean for names, (total, rows) in sums for name, mean in zip(names, (total / rows).unbind(), strict=True)}

    def pop(self) -> dict[str, Tensor]:
        """The mean of every value since the last call; then there are none."""
        if not self._sums:
            return {}
        self._popped = self.so_far()
        self._sums = {}
        return self._popped
