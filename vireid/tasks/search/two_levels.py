"""Weights and logits step in turn, on different rows."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Literal

from torch import Tensor

from vireid.errors import SettingsError
from vireid.losses import Loss, LossSum
from vireid.nn import frozen_statistics
from vireid.search import GumbelHard, Relaxation
from vireid.structures import Batch, SearchBatch
from vireid.tasks.search.run import ARCHITECTURE_STEP, WEIGHT_STEP, SearchRun, Terms, search_split
from vireid.tasks.search.strategies import GradientStrategy

NEEDS_BOTH = (
    "This search needs rows for both of its steps: set `data.init_args.search_split` to `identity` or `image`, or choose the strategy "
    "vireid.tasks.OneLevel."
)


class TwoLevels(GradientStrategy):
    """An architecture step on rows that the weights never see, and a weight step on the others, in every batch.

    After the warm-up an architecture step moves the logits; weights and running statistics stay as they are. A weight step moves the
    weights under a fresh sample of the architecture.

    Args:
        weight_relaxation: how logits become mixture weights in the weight step. Default hard Gumbel samples, which keep the statistics of
            each candidate meaningful.
        architecture_losses: terms of the architecture step. Default those of the weight step; losses that need classes are left out if the
            identities of the architecture rows have none.
        order: which step comes first in a batch. CDNet's search by top-k moves the weights first.
        architecture_statistics: whether running statistics follow the rows of architecture steps too, as in the public code of CDNet and
            DARTS.
        shared: arguments that all strategies with logits take.

    Raises:
        SettingsError: the data gives no rows for the architecture step, or its losses need classes that these people do not have.
    """

    architecture_passes = 1
    """Training steps that take as long as an architecture step."""

    def __init__(
        self,
        weight_relaxation: Relaxation | None = None,
        architecture_losses: list[Loss] | None = None,
        order: Literal["architecture_first", "weights_first"] = "architecture_first",
        architecture_statistics: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.weight_relaxation = weight_relaxation or GumbelHard()
        self.architecture_losses = None if architecture_losses is None else LossSum(architecture_losses)
        self.order: Literal["architecture_first", "weights_first"] = order
        self.architecture_statistics = architecture_statistics
        self._sample: Tensor | None = None

    @property
    def dense(self) -> bool:
        return super().dense and self.weight_relaxation.dense

    def check(self, run: SearchRun) -> None:
        super().check(run)
        split = search_split(run.trainer)
        if split == "none":
            raise SettingsError(NEEDS_BOTH)
        named = [loss.name for loss in self.architecture_losses.losses if loss.needs_classes] if self.architecture_losses else []
        if named and split == "identity":
            raise SettingsError(
                f"`architecture_losses` has {', '.join(map(str, named))}, which needs classes, but with `search_split: identity` the "
                "architecture rows show people without one. Take it out, or set `data.init_args.search_split` to `image`."
            )

    def passes(self, epoch: int) -> int:
        return 1 if epoch < self.warmup_epochs else 1 + self.architecture_passes

    def architecture_loss(self, run: SearchRun, batch: Batch) -> tuple[Tensor, Terms]:
        if self.architecture_losses is not None:
            return run.loss(self.architecture_losses, batch)
        return super().architecture_loss(run, batch)

    def step(self, run: SearchRun, batch: SearchBatch | Batch, batch_idx: int) -> None:
        if not isinstance(batch, SearchBatch):
            raise SettingsError(NEEDS_BOTH)
        moving = self.moves_logits(run)
        if moving and self.order == "architecture_first":
            self.architecture_step(run, batch, batch_idx)
        self.weight_step(run, batch.weights, batch_idx)
        if moving and self.order == "weights_first":
            self.architecture_step(run, batch, batch_idx)

    def weight_step(self, run: SearchRun, rows: Batch, batch_idx: int) -> None:
        """Move the weights under a sample of the architecture."""
        if self._sample is None or batch_idx % run.accumulate_grad_batches == 0:  # one per optimiser step, whatever the logits do meanwhile
            logits = run.architecture.masked().detach()
            self._sample = self.mixture(run, self.weight_relaxation, logits, WEIGHT_STEP, batch_idx)
        run.supernet.set_mixture(self._sample, self.weight_relaxation.dense)
        self.descend_weights(run, rows)
        if run.steps_now(batch_idx):
            run.step_weights()

    def architecture_step(self, run: SearchRun, batch: SearchBatch, batch_idx: int) -> None:
        """Move the logits."""
        logits = run.architecture.logits
        with nullcontext() if self.architecture_statistics else frozen_statistics(run.network):
            loss, terms = self.mixed_architecture_loss(run, batch.architecture, batch_idx)
            run.add_gradients(loss, inputs=[logits])
        self.end_architecture_step(run, batch, batch_idx, terms)

    def mixed_architecture_loss(self, run: SearchRun, rows: Batch, batch_idx: int) -> tuple[Tensor, Terms]:
        """Loss with penalties under a sample of the architecture, and what is logged of it."""
        weights = self.mixture(run, self.relaxation, run.architecture.masked(), ARCHITECTURE_STEP, batch_idx)
        run.supernet.set_mixture(weights, self.relaxation.dense)
        loss, terms = self.architecture_loss(run, rows)
        loss = loss + self.penalty(run)
        return loss, {"search/architecture_loss": loss.detach(), **{f"search/{name}": value for name, value in terms.items()}}

    def end_architecture_step(self, run: SearchRun, batch: SearchBatch, batch_idx: int, terms: Terms) -> None:
        """Log, and step where a batch ends an optimiser step."""
        run.log_means(terms, batch.architecture)
        if run.steps_now(batch_idx):
            run.step_logits()
