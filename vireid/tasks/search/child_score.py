"""Scores of children on the supernet of a running search."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor

from vireid.search.derivation import ChildScore, Derivation, DerivationResult, Measured
from vireid.structures import Genotype
from vireid.tasks.callbacks.recalibration import training_length
from vireid.tasks.progress import check_sigterm
from vireid.tasks.search.costs import Costs
from vireid.tasks.search.fork_memory import ForkMemory
from vireid.tasks.search.run import SearchRun
from vireid.tasks.search.scored_child import SupernetChild
from vireid.terminal import console

logger = logging.getLogger(__name__)


class InheritedScore:
    """Scores points on the supernet of a running search. Weights, statistics, modes and random state stay as they are.

    Every rank must ask for the same points in the same order. All ranks get the score of rank 0.

    Args:
        run: a search with a Trainer and a vireid data module.
        score: settings of the score.
        child: the child that the score measures; ``None`` for a new one. Scores that share it read the data once.
        memory: scores from a run that was killed, of children that were trained from the initial weights; ``None`` for none.
        on_scored: called with every score.
    """

    def __init__(
        self,
        run: SearchRun,
        score: ChildScore,
        child: SupernetChild | None = None,
        memory: ForkMemory | None = None,
        on_scored: Callable[[Measured], None] = lambda found: None,  # noqa: ARG005 (nobody listens)
    ) -> None:
        self.run, self.score = run, score
        self.child = child or SupernetChild(run)
        self.memory = memory
        self.on_scored = on_scored

    def __call__(self, genotype: Genotype) -> float:
        """Score of a child. A score that is not finite counts as minus infinity."""
        return self.measured(genotype).value

    def measured(self, genotype: Genotype) -> Measured:
        """Score of a child, and the values of every person. A score that is not finite counts as minus infinity."""
        memory = self.memory if is_fork(self.score) else None
        known = None if memory is None else self.run.trainer.strategy.broadcast(memory.recall(self.score, genotype))
        if known is None:
            check_sigterm(self.run.trainer)
            self.child.take(genotype)
            known = self._scored()
            if memory is not None and self.run.trainer.is_global_zero:
                memory.keep(self.score, genotype, known)
        self.on_scored(known)
        return known

    def mixture(self, weights: Tensor) -> float:
        """Score of the supernet under ``(S, K)`` mixture weights."""
        check_sigterm(self.run.trainer)
        self.child.take_mixture(weights)
        found = self._scored()
        self.on_scored(found)
        return found.value

    def _scored(self) -> Measured:
        steps, rows = self.child.steps, self.child.rows
        mine = self.score(self.child)
        found: Measured = self.run.trainer.strategy.broadcast(replace(mine, steps=self.child.steps - steps, rows=self.child.rows - rows))
        return found if math.isfinite(found.value) else replace(found, value=-math.inf)


def is_fork(score: ChildScore) -> bool:
    """Whether a score trains its children from the initial weights."""
    training = score.training
    return training is not None and training.from_start and training.steps_of(1) > 0


def run_derivation(
    child: SupernetChild, derivation: Derivation, generator: torch.Generator, memory: ForkMemory | None = None, searched: float = 0.0
) -> tuple[DerivationResult, dict[str, Any]]:
    """Run a derivation with a progress bar.

    Args:
        child: the child in the supernet of a search at its end.
        derivation: how the genotype is chosen.
        generator: source of all its randomness.
        memory: scores from a run that was killed, of children that were trained from the initial weights; ``None`` for none.
        searched: cost of the search so far, in trainings.

    Returns:
        The result, and a summary of plain values for the genotype's provenance. The summary holds the settings, all scores in the order of
        the history, the cost in trainings, and the details of the result.
    """
    run, trainer = child.run, child.run.trainer
    total = derivation.evaluations(run.space.sites())
    shown = total > 0 and trainer.is_global_zero and trainer.progress_bar_callback is not None
    costs = Costs()
    terminal = console()  # of its own: Lightning's bar holds the other
    with Progress(console=terminal, transient=True, disable=not (shown and terminal.is_terminal)) as bar:
        task = bar.add_task("Scoring children", total=total)

        def scored(found: Measured) -> None:
            costs.add(found)
            bar.advance(task)

        def scorer(score: ChildScore) -> InheritedScore:
            return InheritedScore(run, score, child, memory, scored)

        with child.series():
            result = derivation(run.space, run.architecture.table(), scorer, generator)
    about: dict[str, Any] = {"settings": derivation.settings()}
    if result.history:
        scores = [entry.score for entry in result.history]
        known = [entry.score for entry in result.history if entry.genotype.choices == result.genotype.choices and not entry.without]
        chosen = f", the chosen one with {known[-1]:.4f}" if known else ""
        logger.info("%s scored %d points%s.", type(derivation).__name__, len(scores), chosen)
        about["scores"] = [value if math.isfinite(value) else None for value in scores]  # JSON has no infinity
        about["trainings"] = costs.in_trainings(training_length(trainer), child.rows_per_step, searched)
    return result, about | result.details
