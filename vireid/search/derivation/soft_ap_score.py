"""Children scored by the soft average precision of batches, normalised by the statistics of these batches."""

from __future__ import annotations

from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.scores import ChildScore, On, ScoredChild, check_heldout


class SoftAPScore(ChildScore):
    """Mean soft average precision across modalities on batches of held-out people, with queries of either modality.

    The child is in training mode, so it normalises by the statistics of each batch. Its running statistics stay as they are, and no image
    is augmented. Relative to the gains, the standard error over people is about ten times smaller than that of mAP.

    With ``features`` it ranks well where the gap between the modalities is early in the network, and fails where the gap is late. With
    ``embeddings`` it is the other way round. So this score is for proposals, and a fork decides.

    Args:
        on: ``features`` (before the neck) or ``embeddings`` (after it).
        batches: number of batches of architecture rows, at least 1.
        temperature: temperature of the soft ranks, above 0; the paper's is 0.01.
        shared: arguments that all scores take.

    Raises:
        SettingsError: a number out of range.

    Reference:
        Brown, Xie, Kalogeiton, Zisserman: Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval, ECCV 2020.
    """

    def __init__(self, on: On = "features", batches: int = 16, temperature: float = 0.02, **shared: Any) -> None:
        super().__init__(**shared)
        if batches < 1:
            raise SettingsError(f"`batches` of SoftAPScore must be at least 1, got {batches}.")
        if not temperature > 0:
            raise SettingsError(f"`temperature` of SoftAPScore must be above 0, got {temperature}.")
        self.on: On = on
        self.batches, self.temperature = batches, temperature

    def measure(self, child: ScoredChild) -> Measured:
        return child.soft_ap(self.on, self.batches, self.temperature)

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        if getattr(datamodule, "search_split", "none") != "identity":
            raise SettingsError(
                "SoftAPScore scores children on batches of held-out people: set `data.init_args.search_split` to `identity`, or choose "
                "vireid.search.RetrievalScore."
            )
        check_heldout(datamodule, "SoftAPScore")
