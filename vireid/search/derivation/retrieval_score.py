"""Children scored by what counts in the end: retrieval of people that the weights never saw."""

from __future__ import annotations

from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.scores import RecalibratedScore, ScoredChild


class RetrievalScore(RecalibratedScore):
    """mAP of the first protocol of validation, on held-out identities (``data.init_args.validation: heldout``).

    Args:
        centred: subtract the mean of each modality from its embeddings first. This hides a constant shift between the modalities. A late
            separation removes such a shift, and training alone may not. Where the shift is the gap, the centred score does not see it.
        shared: arguments that all scores after recalibration take.

    Raises:
        SettingsError: the data holds out no people.
    """

    def __init__(self, centred: bool = False, **shared: Any) -> None:
        super().__init__(**shared)
        self.centred = centred

    def measure(self, child: ScoredChild) -> Measured:
        return child.mean_ap(self.centred)

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        if getattr(datamodule, "validation", "none") != "heldout":
            raise SettingsError(
                "RetrievalScore scores children by their mAP on held-out identities: set `data.init_args.validation` to `heldout` (the "
                "test set must not choose an architecture), or choose vireid.search.LossScore as the `score` of the derivation."
            )
