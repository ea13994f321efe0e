"""Weights and logits step together."""

from __future__ import annotations

from vireid.errors import SettingsError
from vireid.structures import Batch, SearchBatch
from vireid.tasks.search.run import WEIGHT_STEP, SearchRun, weight_rows
from vireid.tasks.search.strategies import GradientStrategy


class OneLevel(GradientStrategy):
    """Weights and logits step together on the same rows, by one backward pass of the whole loss.

    It needs no ``search_split``. With one, it takes only the rows of the weight step. OSNet-AIN's search is this strategy with
    :class:`~vireid.search.RectifiedGumbel`, ``SGD(0.1, 0.9, False, 5e-4)`` as both optimisers, no warm-up, and a temperature of
    :class:`~vireid.tasks.Stepped`.

    Raises:
        SettingsError: half precision (``16-mixed``), because two optimisers would share one loss scale.
    """

    def check(self, run: SearchRun) -> None:
        super().check(run)
        if run.trainer.precision == "16-mixed":
            raise SettingsError(
                "OneLevel and `16-mixed` do not go together: one backward pass serves two optimisers, whose shared loss scale may change "
                "between their steps. Use `bf16-mixed`, or the strategy vireid.tasks.TwoLevels."
            )

    def step(self, run: SearchRun, batch: SearchBatch | Batch, batch_idx: int) -> None:
        rows, moving = weight_rows(batch), self.moves_logits(run)
        logits = run.architecture.masked() if moving else run.architecture.masked().detach()
        run.supernet.set_mixture(self.mixture(run, self.relaxation, logits, WEIGHT_STEP, batch_idx), self.relaxation.dense)
        penalty = self.penalty(run) if moving else None
        loss = self.descend_weights(run, rows, penalty)
        if penalty is not None:
            run.log_means({"search/architecture_loss": loss + penalty.detach()}, rows)
        if run.steps_now(batch_idx):
            if moving:
                run.step_logits()
            run.step_weights()
