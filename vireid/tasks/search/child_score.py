"""The end of a search: children scored with the weights of the supernet."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from vireid.errors import SettingsError
from vireid.results.scoring import score as score_embeddings
from vireid.search.derivation import Derivation, DerivationResult
from vireid.settings import Recorded, instantiate, settings_of
from vireid.structures import Batch, Genotype, SearchBatch
from vireid.tasks.callbacks.recalibration import training_batches, weight_rows
from vireid.tasks.callbacks.running_statistics import kept_statistics, recalibrate
from vireid.tasks.evaluation.embeddings import EmbeddingTable
from vireid.tasks.evaluation.retrieval import protocols_of
from vireid.tasks.search.child_training import kept_state, train_child

if TYPE_CHECKING:
    from vireid.tasks.search.module import SearchModule
    from vireid.tasks.search.outcome import SearchOutcome

logger = logging.getLogger(__name__)
Criterion = Literal["mAP", "loss"]


class SupernetScore(Recorded):
    """How a derivation scores a child: inherited weights, running statistics of its own, rows that no weight step saw.

    Args:
        criterion: ``mAP`` of the first protocol of validation, on held-out identities (``data.init_args.validation: heldout``); or
            ``loss``, minus the mean loss of architecture rows, as in the architecture step but without its regularisation, which is
            cheaper and needs no validation.
        recalibration_batches: training batches from which every child's statistics are re-estimated, at least 1; read once and kept in
            memory as they are on disk. See :func:`~vireid.tasks.callbacks.running_statistics.recalibrate`.
        loss_batches: batches of architecture rows of the criterion ``loss``, at least 1.
        training_steps: weight steps on the child before it is scored; 0 scores what it inherits. What a supernet rewards need not be
            what a network that is trained by itself rewards, and a short training of its own shows that at its price.
        from_start: these steps begin at the initial weights of the search instead of the supernet's.

    Raises:
        SettingsError: fewer batches, another criterion, fewer than 0 steps, or a start without steps.
    """

    def __init__(
        self,
        criterion: Criterion = "mAP",
        recalibration_batches: int = 20,
        loss_batches: int = 20,
        training_steps: int = 0,
        from_start: bool = False,
    ) -> None:
        for name, value in (("recalibration_batches", recalibration_batches), ("loss_batches", loss_batches)):
            if value < 1:
                raise SettingsError(f"`{name}` must be at least 1, got {value}.")
        if training_steps < 0:
            raise SettingsError(f"`training_steps` must be 0 or more, got {training_steps}.")
        if from_start and not training_steps:
            raise SettingsError("`from_start` begins a training of `training_steps`: set these to more than 0.")
        self.criterion, self.recalibration_batches, self.loss_batches = criterion, recalibration_batches, loss_batches
        self.training_steps, self.from_start = training_steps, from_start

    def check(self, datamodule: Any) -> None:
        """Refuse data that cannot give this score, before the search begins.

        Raises:
            SettingsError: no held-out identities for ``mAP``, no architecture rows for ``loss``, or trainings in ``16-mixed``.
        """
        if self.training_steps and getattr(getattr(datamodule, "trainer", None), "precision", "") == "16-mixed":
            raise SettingsError("`training_steps` of a derivation score have no loss scale: use `bf16-mixed` or `32-true`, not `16-mixed`.")
        if self.criterion == "mAP" and getattr(datamodule, "validation", "none") != "heldout":
            raise SettingsError(
                "A derivation scores children by their mAP on held-out identities: set `data.init_args.validation` to `heldout` (the test "
                "set must not choose an architecture), or `model.init_args.derivation_score.init_args.criterion` to `loss`."
            )
        if self.criterion == "loss" and getattr(datamodule, "search_split", "none") == "none":
            raise SettingsError(
                "A derivation scores children by their loss on architecture rows: set `data.init_args.search_split` to `identity` or "
                "`image`, or `model.init_args.derivation_score.init_args.criterion` to `mAP`."
            )


class InheritedScore:
    """Scores points on the supernet of a running search, see :class:`SupernetScore`; weights and statistics stay as they are.

    Every rank must ask for the same points in the same order; all get the score of rank 0.

    Args:
        module: attached to a Trainer with a vireid data module.
        settings: what to measure.
        on_scored: called after every score.
    """

    def __init__(self, module: SearchOutcome, settings: SupernetScore, on_scored: Callable[[], None] = lambda: None) -> None:
        self.module, self.settings, self.on_scored = module, settings, on_scored

    def __call__(self, genotype: Genotype) -> float:
        """Score of a child; a score that is not a number counts as minus infinity."""
        self.module.supernet.set_genotype(genotype)
        return self._score()

    def mixture(self, weights: Tensor) -> float:
        """Score of the supernet under ``(S, K)`` mixture weights."""
        self.module.supernet.set_mixture(weights.to(self.module.device))
        return self._score()

    def _score(self) -> float:
        if not self.settings.training_steps:
            return self._measure()
        module = self.module
        with _evaluation_mode(module), kept_state(module.network):
            if self.settings.from_start:
                module.network.load_state_dict(self._start)
            train_child(cast("SearchModule", module), self.settings.training_steps)
            return self._measure()

    @cached_property
    def _start(self) -> dict[str, Tensor]:
        made = instantiate(settings_of(self.module), allowed=("",))  # any class: the settings are of a live object, not of a file
        assert isinstance(made, type(self.module))
        return made.network.state_dict()

    @torch.no_grad()
    def _measure(self) -> float:
        module, trainer = self.module, self.module.trainer
        with _evaluation_mode(module), kept_statistics(module.network), trainer.precision_plugin.forward_context():
            recalibrate(module.network, weight_rows(trainer, self._batches[: self.settings.recalibration_batches]), module)
            value = self._mean_ap() if self.settings.criterion == "mAP" else -self._loss()
        value = float(trainer.strategy.broadcast(value))
        self.on_scored()
        return value if math.isfinite(value) else -math.inf

    @cached_property
    def _batches(self) -> list[Batch | SearchBatch]:
        wanted = (self.settings.recalibration_batches, self.settings.loss_batches if self.settings.criterion == "loss" else 0)
        return training_batches(self.module.trainer, max(wanted))

    @cached_property
    def _images(self) -> list[Any]:
        datamodule: Any = getattr(self.module.trainer, "datamodule")  # noqa: B009  # set by Lightning, which does not declare it
        return list(datamodule.val_dataloader())

    def _mean_ap(self) -> float:
        module, evaluation = self.module, protocols_of(self.module.trainer, "validate")
        table = EmbeddingTable(len(evaluation.records), module.device)
        for loader in self._images:
            for images in loader:
                batch = module.trainer.strategy.batch_to_device(images)
                table.put(batch.positions, module.embed(batch))
        return score_embeddings(evaluation, table.complete())[0].mean["mAP"]

    def _loss(self) -> float:
        strategy = self.module.trainer.strategy
        pairs = [batch for batch in self._batches[: self.settings.loss_batches] if isinstance(batch, SearchBatch)]
        losses = [self.module.architecture_loss(strategy.batch_to_device(pair.architecture))[0] for pair in pairs]
        return float(strategy.reduce(torch.stack(losses).double().mean(), reduce_op="mean"))


@contextmanager
def _evaluation_mode(module: torch.nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def run_derivation(
    module: SearchOutcome, derivation: Derivation, score: SupernetScore, generator: torch.Generator
) -> tuple[DerivationResult, dict[str, Any]]:
    """Derive with a progress bar.

    Returns:
        The result, and a summary of plain values for the genotype's provenance: settings, and all scores in the order of the history.
    """
    trainer = module.trainer
    total = derivation.evaluations(module.space.sites())
    shown = total > 0 and trainer.is_global_zero and trainer.progress_bar_callback is not None
    with Progress(console=Console(), transient=True, disable=not shown) as bar:  # a console of its own: Lightning's bar holds the other
        task = bar.add_task("Scoring children", total=total)
        inherited = InheritedScore(module, score, lambda: bar.advance(task))
        result = derivation(module.space, module.architecture.table(), inherited, generator)
    about: dict[str, Any] = {"settings": derivation.settings()}
    if result.history:
        scores = [entry.score for entry in result.history]
        logger.info("%s scored %d points, the best with %.4f.", type(derivation).__name__, len(scores), max(scores))
        finite = [value if math.isfinite(value) else None for value in scores]  # JSON has no infinity
        about |= {"score": score.settings(), "scores": finite}
    return result, about
