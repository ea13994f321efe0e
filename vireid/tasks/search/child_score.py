"""Scores of children on the supernet of a running search."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from vireid.results.scoring import score as score_embeddings
from vireid.search.derivation import ChildScore, Derivation, DerivationResult, ShortTraining
from vireid.structures import Batch, Genotype, SearchBatch
from vireid.tasks.callbacks.recalibration import training_batches, weight_rows
from vireid.tasks.callbacks.running_statistics import kept_statistics, recalibrate
from vireid.tasks.evaluation.embeddings import EmbeddingTable
from vireid.tasks.evaluation.retrieval import protocols_of
from vireid.tasks.search.child_training import kept_state, train_child
from vireid.tasks.search.run import SearchRun

logger = logging.getLogger(__name__)


class InheritedScore:
    """Scores points on the supernet of a running search; weights, statistics, modes and random state stay as they are.

    Every rank must ask for the same points in the same order; all get the score of rank 0.

    Args:
        run: attached to a Trainer with a vireid data module.
        score: what to measure.
        on_scored: called after every score.
    """

    def __init__(self, run: SearchRun, score: ChildScore, on_scored: Callable[[], None] = lambda: None) -> None:
        self.run = run
        self.score = score
        self.on_scored = on_scored
        self._read: tuple[int, list[Batch | SearchBatch]] = (0, [])

    def __call__(self, genotype: Genotype) -> float:
        """Score of a child; a score that is not a number counts as minus infinity."""
        self.run.supernet.set_genotype(genotype)
        return self._scored()

    def mixture(self, weights: Tensor) -> float:
        """Score of the supernet under ``(S, K)`` mixture weights."""
        self.run.supernet.set_mixture(weights.to(self.run.device))
        return self._scored()

    def _scored(self) -> float:
        value = float(self.run.trainer.strategy.broadcast(self.score(self)))
        self.on_scored()
        return value if math.isfinite(value) else -math.inf

    # --- what a score may ask for -----------------------------------------------------------------------------------------------------

    @contextmanager
    def trained(self, training: ShortTraining | None) -> Iterator[None]:
        """Inside, the child has had its training."""
        if training is None:
            yield
            return
        network = self.run.network
        with _evaluation_mode(network), kept_state(network):
            if training.from_start:
                network.load_state_dict(self._start)
            train_child(self.run, training.steps)
            yield

    @contextmanager
    def recalibrated(self, batches: int) -> Iterator[None]:
        """Inside, the child is in evaluation mode, with running statistics of its own from so many training batches."""
        run, network = self.run, self.run.network
        with torch.no_grad(), _evaluation_mode(network), kept_statistics(network), run.trainer.precision_plugin.forward_context():
            recalibrate(network, weight_rows(run.trainer, self._batches(batches)), run.forward)
            yield

    def mean_ap(self) -> float:
        """mAP of the first protocol of validation."""
        run, evaluation = self.run, protocols_of(self.run.trainer, "validate")
        table = EmbeddingTable(len(evaluation.records), run.device)
        for loader in self._images:
            for images in loader:
                batch = run.trainer.strategy.batch_to_device(images)
                table.put(batch.positions, run.embed(batch))
        return score_embeddings(evaluation, table.complete())[0].mean["mAP"]

    def mean_loss(self, batches: int) -> float:
        """Mean loss over so many batches of architecture rows."""
        strategy = self.run.trainer.strategy
        pairs = [batch for batch in self._batches(batches) if isinstance(batch, SearchBatch)]
        losses = [self.run.architecture_loss(strategy.batch_to_device(pair.architecture))[0] for pair in pairs]
        return float(strategy.reduce(torch.stack(losses).double().mean(), reduce_op="mean"))

    def _batches(self, count: int) -> list[Batch | SearchBatch]:
        """The first training batches, read once and kept as they are on disk."""
        if count > self._read[0]:
            self._read = (count, training_batches(self.run.trainer, count))
        return self._read[1][:count]

    @cached_property
    def _start(self) -> dict[str, Tensor]:
        return self.run.initial_state()

    @cached_property
    def _images(self) -> list[Any]:
        datamodule: Any = getattr(self.run.trainer, "datamodule")  # noqa: B009  # set by Lightning, which does not declare it
        return list(datamodule.val_dataloader())


@contextmanager
def _evaluation_mode(network: torch.nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def run_derivation(run: SearchRun, derivation: Derivation, generator: torch.Generator) -> tuple[DerivationResult, dict[str, Any]]:
    """Derive with a progress bar.

    Returns:
        The result, and a summary of plain values for the genotype's provenance: settings, and all scores in the order of the history.
    """
    trainer = run.trainer
    total = derivation.evaluations(run.space.sites())
    shown = total > 0 and trainer.is_global_zero and trainer.progress_bar_callback is not None
    with Progress(console=Console(), transient=True, disable=not shown) as bar:  # a console of its own: Lightning's bar holds the other
        task = bar.add_task("Scoring children", total=total)

        def scorer(score: ChildScore) -> InheritedScore:
            return InheritedScore(run, score, lambda: bar.advance(task))

        result = derivation(run.space, run.architecture.table(), scorer, generator)
    about: dict[str, Any] = {"settings": derivation.settings()}
    if result.history:
        scores = [entry.score for entry in result.history]
        logger.info("%s scored %d points, the best with %.4f.", type(derivation).__name__, len(scores), max(scores))
        about["scores"] = [value if math.isfinite(value) else None for value in scores]  # JSON has no infinity
    return result, about
