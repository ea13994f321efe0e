"""What a search does with a batch: steps of the weights and of the architecture."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Literal

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.losses import LossSum
from vireid.nn import frozen_statistics
from vireid.search import ArchitectureParameters, Relaxation, Supernet
from vireid.structures import Batch, SearchBatch, generator_for
from vireid.tasks.base import ReIDModule
from vireid.tasks.optimisation.schedules import geometric, linear, second_half_ramp, stepped
from vireid.tasks.search.checks import NEEDS_BOTH
from vireid.tasks.search.unrolled import unrolled_gradient

ARCHITECTURE_STEP, WEIGHT_STEP, INITIAL_LOGITS, DERIVATION = 1, 2, 3, 4  # what noise is for


class SearchSteps(ReIDModule):
    """The steps of :class:`~vireid.tasks.SearchModule`, which says what its attributes mean. The first of two optimisers is that of
    the weights, the second that of the logits."""

    architecture: ArchitectureParameters
    architecture_losses: LossSum | None
    level: Literal["one", "two"]
    weight_relaxation: Relaxation
    architecture_relaxation: Relaxation
    warmup_epochs: int
    temperature_start: float
    temperature_end: float
    temperature_every: int | None
    temperature_factor: float
    temperature_decay: Literal["geometric", "linear"]
    entropy_weight: float
    cost_weight: float
    costs: Tensor
    accumulate_grad_batches: int
    order: Literal["architecture_first", "weights_first"]
    architecture_statistics: bool
    unrolled: bool

    @property
    def supernet(self) -> Supernet:
        """The searched trunk."""
        supernet = self.network.backbone
        assert isinstance(supernet, Supernet)
        return supernet

    @property
    def architecture_epochs(self) -> int:
        """Epochs with architecture steps."""
        return int(self.trainer.max_epochs or 0) - self.warmup_epochs

    @property
    def temperature(self) -> float:
        """Temperature of this epoch."""
        step = self.current_epoch - self.warmup_epochs
        if self.temperature_every is not None:
            return stepped(self.temperature_start, self.temperature_end, step, self.temperature_every, self.temperature_factor)
        course = linear if self.temperature_decay == "linear" else geometric
        return course(self.temperature_start, self.temperature_end, step, self.architecture_epochs)

    @property
    def needs_both(self) -> bool:
        """Whether batches must carry rows of the architecture step."""
        return self.level == "two" and self.architecture_relaxation.learns

    @property
    def logits_move(self) -> bool:
        """Whether this epoch has architecture steps."""
        return self.architecture_relaxation.learns and self.current_epoch >= self.warmup_epochs

    def training_step(self, batch: SearchBatch | Batch, batch_idx: int) -> None:
        rows = batch.weights if isinstance(batch, SearchBatch) else batch
        self.seed_step(rows)
        if self.level == "one":
            self._joint_step(rows, batch_idx)
            return
        if self.needs_both and not isinstance(batch, SearchBatch):
            raise SettingsError(NEEDS_BOTH)
        architecture = batch.architecture if self.logits_move and isinstance(batch, SearchBatch) else None
        if architecture is not None and self.order == "architecture_first":
            self._architecture_step(architecture, rows, batch_idx)
        self._weight_step(rows, batch_idx)
        if architecture is not None and self.order == "weights_first":
            self._architecture_step(architecture, rows, batch_idx)

    def _sampled(self, relaxation: Relaxation, logits: Tensor, purpose: int, batch_idx: int) -> Tensor:
        window = batch_idx // self.accumulate_grad_batches  # one sample per optimiser step
        noise = generator_for((self.seed, self.current_epoch, window, purpose))
        return self.architecture.expand(relaxation(logits, self.temperature, noise))

    def _architecture_step(self, batch: Batch, weight_rows: Batch, batch_idx: int) -> None:
        if self.unrolled:
            self._unrolled_step(batch, weight_rows, batch_idx)
            return
        mixture = self._sampled(self.architecture_relaxation, self.architecture.masked(), ARCHITECTURE_STEP, batch_idx)
        self.supernet.set_mixture(mixture)
        with nullcontext() if self.architecture_statistics else frozen_statistics(self.network):
            loss, terms = self.architecture_loss(batch)
            loss = loss + self._regularisation()
            self.manual_backward(loss / self.accumulate_grad_batches, inputs=[self.architecture.logits])
        self._log_means({"search/architecture_loss": loss.detach(), **{f"search/{n}": v for n, v in terms.items()}}, batch)
        if self._steps_now(batch_idx):
            self._step_logits()

    def _unrolled_step(self, batch: Batch, weight_rows: Batch, batch_idx: int) -> None:
        terms: dict[str, Tensor] = {}

        def mixed(rows: Batch, purpose: int) -> Tensor:
            relaxation = self.architecture_relaxation if purpose == ARCHITECTURE_STEP else self.weight_relaxation
            self.supernet.set_mixture(self._sampled(relaxation, self.architecture.masked(), purpose, batch_idx))
            if purpose == WEIGHT_STEP:
                return self.summed_loss(self.losses, self(rows), rows)[0]
            loss, found = self.architecture_loss(rows)
            terms.update(found)
            terms["architecture_loss"] = loss.detach()
            return loss + self._regularisation()

        optimizers, logits = self.optimizers(), self.architecture.logits
        assert isinstance(optimizers, list)
        with nullcontext() if self.architecture_statistics else frozen_statistics(self.network):
            gradient = unrolled_gradient(
                logits, optimizers[0].optimizer, lambda: mixed(weight_rows, WEIGHT_STEP), lambda: mixed(batch, ARCHITECTURE_STEP)
            )
        gradient = gradient / self.accumulate_grad_batches
        logits.grad = gradient if logits.grad is None else logits.grad + gradient
        self._log_means({f"search/{name}": value for name, value in terms.items()}, batch)
        if self._steps_now(batch_idx):
            self._step_logits()

    def architecture_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of architecture rows under the present mixture, without regularisation, and its weighted terms by name."""
        if self.architecture_losses is not None:
            return self.summed_loss(self.architecture_losses, self(batch), batch)
        return self.summed_loss(self.losses, self(batch), batch, without_classes=not self._architecture_rows_have_classes())

    def _weight_step(self, batch: Batch, batch_idx: int) -> None:
        if batch_idx % self.accumulate_grad_batches == 0:  # one sample per optimiser step, whatever the logits do within it
            self._sample = self._sampled(self.weight_relaxation, self.architecture.masked().detach(), WEIGHT_STEP, batch_idx)
        self.supernet.set_mixture(self._sample)
        self._backward_weights(batch, torch.zeros((), device=self.device))
        if self._steps_now(batch_idx):
            self._step_weights()

    def _joint_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.architecture.masked() if self.logits_move else self.architecture.masked().detach()
        self.supernet.set_mixture(self._sampled(self.architecture_relaxation, logits, WEIGHT_STEP, batch_idx))
        penalty = self._regularisation() if self.logits_move else torch.zeros((), device=self.device)
        loss = self._backward_weights(batch, penalty)
        if self.logits_move:
            self._log_means({"search/architecture_loss": loss + penalty.detach()}, batch)
        if self._steps_now(batch_idx):
            if self.logits_move:
                self._step_logits()
            self._step_weights()

    def _backward_weights(self, batch: Batch, penalty: Tensor) -> Tensor:
        """Gradients of the whole loss plus ``penalty``; returns the loss."""
        loss, terms = self.summed_loss(self.losses, self(batch), batch)
        total = loss + penalty
        if self.trainer.world_size > 1:  # every rank skips the same candidates, but DDP waits for a gradient of each parameter
            skipped = self.supernet.skipped_parameters()
            total = total + sum((0.0 * parameter.sum() for parameter in skipped), torch.zeros((), device=loss.device))
        self.manual_backward(total / self.accumulate_grad_batches)
        self.log("train/loss", loss.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch))
        self._log_means({f"train/{n}": v for n, v in terms.items()}, batch)
        return loss.detach()

    def _log_means(self, values: dict[str, Tensor], batch: Batch) -> None:
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(batch))

    def _step_weights(self) -> None:
        for parameter in self.supernet.skipped_parameters():
            parameter.grad = None  # no decay and no momentum for what was not used
        self._optimiser_step(0)

    def _step_logits(self) -> None:
        gradient = self.architecture.logits.grad
        if self.trainer.world_size > 1 and gradient is not None:
            torch.distributed.all_reduce(gradient)
            gradient.div_(self.trainer.world_size)
        self._optimiser_step(1)

    def _steps_now(self, batch_idx: int) -> bool:
        is_last = batch_idx + 1 >= self.trainer.num_training_batches
        return is_last or (batch_idx + 1) % self.accumulate_grad_batches == 0

    def _optimiser_step(self, index: int) -> None:
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        optimizers[index].step()
        optimizers[index].zero_grad(set_to_none=True)

    def _architecture_rows_have_classes(self) -> bool:
        return getattr(getattr(self.trainer, "datamodule", None), "search_split", "identity") != "identity"

    def _regularisation(self) -> Tensor:
        penalty = torch.zeros((), device=self.device)
        if self.entropy_weight:
            ramp = second_half_ramp(self.current_epoch - self.warmup_epochs, self.architecture_epochs)
            penalty = penalty + self.entropy_weight * ramp * self.architecture.entropy().mean()
        if self.cost_weight:
            penalty = penalty + self.cost_weight * (self.architecture.probabilities() * self.costs).sum(dim=-1).mean()
        return penalty
