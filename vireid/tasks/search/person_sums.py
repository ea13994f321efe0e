"""Average precisions in batches, by person."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vireid.losses.smooth_average_precision import soft_average_precisions
from vireid.models import Branch
from vireid.search.derivation import Measured
from vireid.search.derivation.scores import On
from vireid.structures import Batch

HARD = 1e-9
"""Temperature at which soft ranks of float32 cosines are ranks: different cosines differ by more, and equal ones count half."""


class PersonSums:
    """Sums and counts of the average precisions of queries, by person.

    Args:
        pids: ``(N,)`` identities of all people, ascending, on the CPU.
    """

    def __init__(self, pids: Tensor) -> None:
        self.pids = pids
        self._sums = torch.zeros(2, len(pids), dtype=torch.float64)

    def add(self, batch: Batch, branch: Branch, on: On, temperature: float | None) -> None:
        """Add the queries of both modalities, each in the gallery of the other one; ``None`` as the temperature for hard ranks."""
        rows = (branch.features if on == "features" else branch.embeddings).float()
        visible, infrared = slice(None, batch.n_visible), slice(batch.n_visible, None)
        for queries, gallery in ((visible, infrared), (infrared, visible)):
            pids = batch.pids[queries], batch.pids[gallery]
            found = soft_average_precisions(rows[queries], rows[gallery], *pids, HARD if temperature is None else temperature)
            place = torch.searchsorted(self.pids, pids[0].cpu())
            self._sums[0].index_add_(0, place, found.double().cpu())
            self._sums[1].index_add_(0, place, torch.ones_like(place, dtype=torch.float64))

    def measured(self, over_ranks: Callable[[Tensor], Tensor] = lambda sums: sums) -> Measured:
        """Mean over the people that were queries, and the mean of each. ``over_ranks`` adds the sums of all processes."""
        total, count = over_ranks(self._sums)
        people = (total / count)[count > 0]
        return Measured(float(people.mean()), tuple(people.tolist()))
