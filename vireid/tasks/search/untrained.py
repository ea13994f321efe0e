"""A search that does not train its supernet: the derivation begins at the initial weights."""

from __future__ import annotations

from vireid.search import RandomOneHot
from vireid.structures import Batch, SearchBatch
from vireid.tasks.search.run import SearchRun
from vireid.tasks.search.strategies import Strategy


class Untrained(Strategy):
    """No step: the run ends after its first batch, and the derivation decides.

    Use it with a derivation that trains children itself, such as :class:`~vireid.search.Confirm`. Then ``trainer.max_epochs`` is not the
    length of the search. It is the length of a whole training, of which a fork takes a fraction.
    """

    def __init__(self) -> None:
        super().__init__()
        self.relaxation = RandomOneHot()

    def passes(self, epoch: int) -> int:  # noqa: ARG002 (interface)
        return 0

    def step(self, run: SearchRun, batch: SearchBatch | Batch, batch_idx: int) -> None:  # noqa: ARG002 (interface)
        run.trainer.should_stop = True
