"""The interface of every strategy of a search, and the base of those that move logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.search import GumbelSoft, Relaxation
from vireid.settings import Recorded
from vireid.structures import Batch, SearchBatch, generator_for
from vireid.tasks.optimisation.optimisers import Adam, OptimizerSettings
from vireid.tasks.optimisation.torch_optimizer import OptimizerClass, as_optimizer
from vireid.tasks.search.penalties import Penalty
from vireid.tasks.search.run import SearchRun, Terms, search_split
from vireid.tasks.search.temperature import Geometric, Temperature


class Strategy(Recorded, nn.Module, ABC):
    """What a search does with a batch. Derive from it to bring your own.

    A strategy that remembers something between batches must keep it in a registered buffer. Checkpoints hold buffers, so a resumed run
    goes on from them.

    Attributes:
        relaxation: says where logits start and what probabilities they mean.
        warmup_epochs: first epochs, in which the logits do not move.
    """

    relaxation: Relaxation
    warmup_epochs: int = 0

    @property
    def dense(self) -> bool:
        """Whether every candidate takes part in every step, whatever its weight."""
        return self.relaxation.dense

    def prepare(self, run: SearchRun) -> None:
        """Read from the space and the logits what is needed. Called once, when the search is built.

        Raises:
            SettingsError: the strategy does not fit the space or the optimiser of the weights.
        """

    def check(self, run: SearchRun) -> None:
        """Check the Trainer and the data before the first epoch.

        Raises:
            SettingsError: the strategy does not fit them.
        """

    @abstractmethod
    def step(self, run: SearchRun, batch: SearchBatch | Batch, batch_idx: int) -> None:
        """All that happens in one batch."""

    def epoch_ended(self, run: SearchRun) -> None:
        """Called at the end of every epoch, after its last step and before its genotype is written."""

    def passes(self, epoch: int) -> int:  # noqa: ARG002 (some depend on it)
        """Time that one batch of an epoch takes, as a number of training steps."""
        return 1

    def logits_optimizer(self) -> OptimizerSettings | None:
        """Optimiser of the logits; ``None`` where they never move."""

    def moves_logits(self, run: SearchRun) -> bool:  # noqa: ARG002 (some depend on it)
        """Whether the logits move in this epoch."""
        return False

    def temperature_now(self, run: SearchRun) -> float | None:  # noqa: ARG002
        """Temperature of this epoch; ``None`` where there is none."""
        return None

    def choices(self, run: SearchRun) -> Mapping[str, str]:
        """The candidate of every site with the largest logit; ties go to the first. A derivation that scores may choose others."""
        return run.architecture.choices()

    def architecture_loss(self, run: SearchRun, batch: Batch) -> tuple[Tensor, Terms]:
        """Loss of architecture rows under the mixture that is set now, without penalties.

        Losses that need classes are left out if the people of these rows have none (``search_split: identity``), or if the data does not
        say whether they have.
        """
        return run.loss(run.losses, batch, without_classes=search_split(run.trainer) in ("identity", ""))

    def descend_weights(self, run: SearchRun, batch: Batch, penalty: Tensor | None = None) -> Tensor:
        """Add the gradients of the weights' loss, and of ``penalty``; returns the loss."""
        loss, terms = run.loss(run.losses, batch)
        total = loss if penalty is None else loss + penalty
        if run.trainer.world_size > 1:  # every rank skips the same candidates, but DDP waits for a gradient of each parameter
            skipped = run.supernet.skipped_parameters()
            total = total + sum((0.0 * parameter.sum() for parameter in skipped), torch.zeros((), device=loss.device))
        run.add_gradients(total)
        run.log_means({"train/loss": loss, **{f"train/{name}": value for name, value in terms.items()}}, batch)
        return loss.detach()


class GradientStrategy(Strategy, ABC):
    """A strategy that moves the logits by gradient descent.

    Args:
        relaxation: how logits become mixture weights in the step that moves them; also says where logits start and what probabilities
            they mean. It must learn. Default soft Gumbel samples.
        architecture_optimizer: optimiser of the logits with its schedule, or a class of ``torch.optim``. Weight decay would pull the logits
            back to "no preference". Default Adam at 0.006 without weight decay, at the same rate in all epochs.
        temperature: temperature of the relaxations in every epoch. Default geometric, from 5 to 0.5.
        penalties: terms that are added to the loss of a step that moves the logits. Default none.
        warmup_epochs: number of first epochs, at least 0, in which weights move and logits do not.

    Raises:
        SettingsError: a relaxation that does not learn, or a negative number of epochs.
    """

    def __init__(
        self,
        relaxation: Relaxation | None = None,
        architecture_optimizer: OptimizerSettings | OptimizerClass | None = None,
        temperature: Temperature | None = None,
        penalties: list[Penalty] | None = None,
        warmup_epochs: int = 10,
    ) -> None:
        super().__init__()
        self.relaxation = relaxation or GumbelSoft()
        if not self.relaxation.learns:
            raise SettingsError(
                f"{type(self).__name__} moves logits by a gradient, but under the `relaxation` {type(self.relaxation).__name__} they have "
                "none. Choose another `relaxation`, or the strategy vireid.tasks.RandomPaths, which draws its paths at random."
            )
        if warmup_epochs < 0:
            raise SettingsError(f"`warmup_epochs` must be at least 0, got {warmup_epochs}.")
        self.architecture_optimizer = as_optimizer(architecture_optimizer or Adam(lr=6e-3, weight_decay=0.0))
        self.record(architecture_optimizer=self.architecture_optimizer)
        self.temperature = temperature or Geometric()
        self.penalties = nn.ModuleList(penalties or [])
        self.warmup_epochs = warmup_epochs

    def prepare(self, run: SearchRun) -> None:
        self.architecture_optimizer.check_parts(["logits"])
        for penalty in self.penalties:
            assert isinstance(penalty, Penalty)
            penalty.prepare(run.space, run.architecture)

    def check(self, run: SearchRun) -> None:
        if run.trainer.precision == "16-mixed" and run.accumulate_grad_batches > 1:
            raise SettingsError(
                "`accumulate_grad_batches` above 1 and `16-mixed` do not go together in a search with two optimisers: they share one loss "
                "scale, which may change between the batches that are added up. Use `bf16-mixed`, or accumulate nothing."
            )

    def logits_optimizer(self) -> OptimizerSettings:
        return self.architecture_optimizer

    def moves_logits(self, run: SearchRun) -> bool:
        return run.current_epoch >= self.warmup_epochs

    def temperature_now(self, run: SearchRun) -> float:
        return self.temperature(*self._epochs(run))

    def penalty(self, run: SearchRun) -> Tensor:
        """Sum of the penalties in this epoch."""
        terms = [penalty(run.architecture, *self._epochs(run)) for penalty in self.penalties]
        return torch.stack(terms).sum() if terms else torch.zeros((), device=run.device)

    def mixture(self, run: SearchRun, relaxation: Relaxation, logits: Tensor, purpose: int, batch_idx: int) -> Tensor:
        """``(S, K)`` mixture weights; their noise is a function of seed, epoch, optimiser step and purpose, the same on every rank."""
        return sampled(run, relaxation, logits, self.temperature_now(run), purpose, batch_idx)

    def _epochs(self, run: SearchRun) -> tuple[int, int]:
        """Number of this epoch among those with architecture steps, and how many there are."""
        return run.current_epoch - self.warmup_epochs, int(run.trainer.max_epochs or 0) - self.warmup_epochs


def sampled(run: SearchRun, relaxation: Relaxation, logits: Tensor, temperature: float, purpose: int, batch_idx: int) -> Tensor:
    """``(S, K)`` mixture weights of ``(R, K)`` logits, with one sample for each optimiser step."""
    return run.architecture.expand(relaxation(logits, temperature, step_noise(run, purpose, batch_idx)))


def step_noise(run: SearchRun, purpose: int, batch_idx: int) -> torch.Generator:
    """The source of noise of an optimiser step, the same on every rank."""
    return generator_for((run.seed, run.current_epoch, batch_idx // run.accumulate_grad_batches, purpose))
