"""Single paths drawn at random: search with shared weights and without architecture steps."""

from __future__ import annotations

from torch import Tensor

from vireid.search import RandomOneHot
from vireid.structures import Batch, SearchBatch
from vireid.tasks.search.run import WEIGHT_STEP, SearchRun, weight_rows
from vireid.tasks.search.strategies import Strategy, step_noise


class RandomPaths(Strategy):
    """Weight steps on uniformly random children, one for each optimiser step. The logits never move.

    With a derivation that scores children (:class:`~vireid.search.Evolution`, :class:`~vireid.search.RandomSearch`,
    :class:`~vireid.search.MainEffects`) this is single-path one-shot search, the baseline without architecture steps. With
    :class:`~vireid.search.Argmax` it ends in a uniformly random point of the space.

    Reference:
        Li, Talwalkar: Random Search and Reproducibility for Neural Architecture Search, UAI 2019, arXiv 1902.07638. Guo et al., Single
        Path One-Shot Neural Architecture Search with Uniform Sampling, ECCV 2020, arXiv 1904.00420.
    """

    def __init__(self) -> None:
        super().__init__()
        self.relaxation = RandomOneHot()
        self._path: Tensor | None = None

    def step(self, run: SearchRun, batch: SearchBatch | Batch, batch_idx: int) -> None:
        if self._path is None or batch_idx % run.accumulate_grad_batches == 0:
            self._path = run.architecture.drawn(self.relaxation, step_noise(run, WEIGHT_STEP, batch_idx))
        run.supernet.set_mixture(self._path)
        self.descend_weights(run, weight_rows(batch))
        if run.steps_now(batch_idx):
            run.step_weights()
