"""How good a child is: settings of a score, and what a score may use of a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from vireid.errors import SettingsError
from vireid.search.derivation.child_trainings import ChildTraining
from vireid.search.derivation.measured import Measured
from vireid.settings import Recorded

On = Literal["features", "embeddings"]
FEWEST_PEOPLE = 8
"""With fewer held-out identities than this, a score says nothing."""


class ScoredChild(Protocol):
    """A child in its supernet, as a score sees it. A score leaves weights and statistics as they were."""

    def trained(self, training: ChildTraining | None) -> AbstractContextManager[None]:
        """Inside, the child is trained; ``None`` for no training."""

    def recalibrated(self, batches: int) -> AbstractContextManager[None]:
        """Inside, the child is in evaluation mode. Its running statistics come from this number of training batches."""

    def mean_ap(self, centred: bool = False) -> Measured:
        """mAP of the first protocol of validation. With ``centred``, the mean of each modality is subtracted from its embeddings."""

    def mean_loss(self, batches: int) -> Measured:
        """Mean loss over this number of batches of architecture rows, as in the architecture step but without penalties."""

    def soft_ap(self, on: On, batches: int, temperature: float) -> Measured:
        """Mean soft average precision over this number of batches of architecture rows, which are not augmented."""

    def heldout_ap(self, on: On, images: int, temperature: float | None) -> Measured:
        """Mean average precision in one batch with this number of images of every held-out person and modality, not augmented.

        With a temperature, ranks are soft. With ``None`` they are not.
        """

    def modality_gap(self, batches: int) -> Measured:
        """Minus the mean gap between the modalities over the sites, and the gap of each site, see :class:`ModalityGap`."""


class ChildScore(Recorded, ABC):
    """Settings of a score of children; larger is better. Derive from it to bring your own.

    Args:
        training: what happens to a child before it is scored, see :class:`ChildTraining`; null to score what it inherits.
    """

    def __init__(self, training: ChildTraining | None = None) -> None:
        self.training = training

    @property
    def name(self) -> str:
        """Short name in tables, such as ``SoftAP features``."""
        return " ".join(filter(None, (type(self).__name__.removesuffix("Score"), getattr(self, "on", ""))))

    def __call__(self, child: ScoredChild) -> Measured:
        """The score. A value that is not finite counts as the worst."""
        with child.trained(self.training):
            return self.measure(child)

    @abstractmethod
    def measure(self, child: ScoredChild) -> Measured:
        """The score of a child after its training."""

    def check(self, datamodule: Any) -> None:
        """Check the data before the search begins.

        Args:
            datamodule: data module of the search's Trainer; ``None`` where it has none.

        Raises:
            SettingsError: the data cannot give this score, or the score takes weight steps and the precision is ``16-mixed``.
        """
        takes_steps = self.training is not None and self.training.steps_of(1) > 0
        if takes_steps and getattr(getattr(datamodule, "trainer", None), "precision", "") == "16-mixed":
            raise SettingsError("The `training` of a score has no loss scale: use `bf16-mixed` or `32-true`, not `16-mixed`.")


class RecalibratedScore(ChildScore, ABC):
    """A score of a child whose running statistics are re-estimated first.

    Args:
        recalibration_batches: number of training batches from which the running statistics of every child are re-estimated, at least 1.
            They are read once and kept in memory as they are on disk. See :func:`~vireid.tasks.recalibrate`.
        training: what happens to a child before it is scored, see :class:`ChildTraining`; null to score what it inherits.

    Raises:
        SettingsError: ``recalibration_batches`` below 1.
    """

    def __init__(self, recalibration_batches: int = 20, training: ChildTraining | None = None) -> None:
        super().__init__(training)
        if recalibration_batches < 1:
            raise SettingsError(f"`recalibration_batches` must be at least 1, got {recalibration_batches}.")
        self.recalibration_batches = recalibration_batches

    def __call__(self, child: ScoredChild) -> Measured:
        with child.trained(self.training), child.recalibrated(self.recalibration_batches):
            return self.measure(child)


def check_heldout(datamodule: Any, who: str) -> None:
    """Refuse too few held-out people, and people of one modality only.

    Args:
        datamodule: has the held-out people in ``parts``; one without ``parts``, or ``None``, is not checked.
        who: name of the class that needs these people, for the message.

    Raises:
        SettingsError: fewer than 8 people, fewer people than a batch holds, or people of one modality.
    """
    if datamodule is None or not hasattr(datamodule, "parts"):
        return
    records = datamodule.parts.heldout
    people, needed = len({record.pid for record in records}), max(FEWEST_PEOPLE, datamodule.identities_per_batch)
    if people < needed:
        raise SettingsError(
            f"{who} needs at least {needed} held-out identities (`identities_per_batch`, and no fewer than {FEWEST_PEOPLE}), got {people}. "
            "Raise `data.init_args.heldout_fraction`, or lower `data.init_args.identities_per_batch`."
        )
    if len({record.modality for record in records}) < 2:
        raise SettingsError(f"{who} searches infrared images among visible ones, but the held-out identities have one modality only.")
