"""How good a child is: settings of a score, and what a score may ask of a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any, Protocol

from vireid.errors import SettingsError
from vireid.settings import Recorded


class ShortTraining(Recorded):
    """Weight steps on a child before it is scored.

    What a supernet rewards need not be what a network that is trained by itself rewards. A short training of its own shows that at its
    price.

    Args:
        steps: weight steps, at least 1.
        from_start: begin at the initial weights of the search instead of the supernet's.

    Raises:
        SettingsError: fewer steps.
    """

    def __init__(self, steps: int, from_start: bool = False) -> None:
        if steps < 1:
            raise SettingsError(f"`steps` of ShortTraining must be at least 1, got {steps}. Leave `training` out for no training.")
        self.steps, self.from_start = steps, from_start


class ScoredChild(Protocol):
    """A child in its supernet, as a score sees it. Weights and statistics are as before when a score is done."""

    def trained(self, training: ShortTraining | None) -> AbstractContextManager[None]:
        """Inside, the child has had its training; ``None`` for none."""

    def recalibrated(self, batches: int) -> AbstractContextManager[None]:
        """Inside, the child is in evaluation mode, with running statistics of its own from so many training batches."""

    def mean_ap(self) -> float:
        """mAP of the first protocol of validation."""

    def mean_loss(self, batches: int) -> float:
        """Mean loss over so many batches of architecture rows, as in the architecture step but without penalties."""


class ChildScore(Recorded, ABC):
    """Settings of a score of children; larger is better. Derive from it to bring your own.

    Args:
        recalibration_batches: training batches from which every child's running statistics are re-estimated, at least 1; read once and
            kept in memory as they are on disk. See :func:`~vireid.tasks.recalibrate`.
        training: weight steps on the child before it is scored; null to score what it inherits.

    Raises:
        SettingsError: fewer batches.
    """

    def __init__(self, recalibration_batches: int = 20, training: ShortTraining | None = None) -> None:
        if recalibration_batches < 1:
            raise SettingsError(f"`recalibration_batches` must be at least 1, got {recalibration_batches}.")
        self.recalibration_batches, self.training = recalibration_batches, training

    def __call__(self, child: ScoredChild) -> float:
        """The score; a number that is not finite counts as the worst."""
        with child.trained(self.training), child.recalibrated(self.recalibration_batches):
            return self.measure(child)

    @abstractmethod
    def measure(self, child: ScoredChild) -> float:
        """The score of a child that is trained and recalibrated."""

    def check(self, datamodule: Any) -> None:
        """Look at the data before the search begins.

        Args:
            datamodule: attached to the Trainer of the search; ``None`` where it has none.

        Raises:
            SettingsError: data that cannot give this score, or trainings in ``16-mixed``.
        """
        if self.training and getattr(getattr(datamodule, "trainer", None), "precision", "") == "16-mixed":
            raise SettingsError("The `training` of a score has no loss scale: use `bf16-mixed` or `32-true`, not `16-mixed`.")


class RetrievalScore(ChildScore):
    """mAP of the first protocol of validation, on held-out identities (``data.init_args.validation: heldout``)."""

    def measure(self, child: ScoredChild) -> float:
        return child.mean_ap()

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        if getattr(datamodule, "validation", "none") != "heldout":
            raise SettingsError(
                "RetrievalScore scores children by their mAP on held-out identities: set `data.init_args.validation` to `heldout` (the "
                "test set must not choose an architecture), or choose vireid.search.LossScore as the `score` of the derivation."
            )


class LossScore(ChildScore):
    """Minus the mean loss of architecture rows, as in the architecture step but without penalties. It needs no validation.

    Args:
        batches: batches of architecture rows, at least 1.
        shared: arguments that all scores take.

    Raises:
        SettingsError: fewer batches.
    """

    def __init__(self, batches: int = 20, **shared: Any) -> None:
        super().__init__(**shared)
        if batches < 1:
            raise SettingsError(f"`batches` of LossScore must be at least 1, got {batches}.")
        self.batches = batches

    def measure(self, child: ScoredChild) -> float:
        return -child.mean_loss(self.batches)

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        if getattr(datamodule, "search_split", "none") == "none":
            raise SettingsError(
                "LossScore scores children by their loss on architecture rows: set `data.init_args.search_split` to `identity` or "
                "`image`, or choose vireid.search.RetrievalScore as the `score` of the derivation."
            )
