"""A search without a supernet's training: what is derived is derived from the initial weights."""

from __future__ import annotations

from vireid.search import RandomOneHot
from vireid.structures import Batch, SearchBatch
from vireid.tasks.search.run import SearchRun
from vireid.tasks.search.strategies import Strategy


class Untrained(Strategy):
    """No step at all: the run ends after its first batch, and the derivation decides.

    It goes with a derivation that trains children itself, such as :class:`~vireid.search.Confirm`. ``trainer.max_epochs`` is not the
    length of the search then, but that of the training from which forks are cut.
    """

    def __init__(self) -> None:
        super().__init__()
        self.relaxation = RandomOneHot()

    def passes(self, epoch: int) -> int:  # noqa: ARG002 (interface)
        return 0

    def step(self, run: SearchRun, batch: SearchBatch | Batch, batch_idx: int) -> None:  # noqa: ARG002 (interface)
        run.trainer.should_stop = True
