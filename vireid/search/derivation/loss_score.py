"""Children scored by the loss of architecture rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.scores import RecalibratedScore, ScoredChild


class LossScore(RecalibratedScore):
    """Minus the mean loss of architecture rows, as in the architecture step but without penalties. It needs no validation.

    Args:
        batches: number of batches of architecture rows, at least 1.
        shared: arguments that all scores after recalibration take.

    Raises:
        SettingsError: ``batches`` below 1.
    """

    def __init__(self, batches: int = 20, **shared: Any) -> None:
        super().__init__(**shared)
        if batches < 1:
            raise SettingsError(f"`batches` of LossScore must be at least 1, got {batches}.")
        self.batches = batches

    def measure(self, child: ScoredChild) -> Measured:
        loss = child.mean_loss(self.batches)
        return replace(loss, value=-loss.value)

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        if getattr(datamodule, "search_split", "none") == "none":
            raise SettingsError(
                "LossScore scores children by their loss on architecture rows: set `data.init_args.search_split` to `identity` or "
                "`image`, or choose vireid.search.RetrievalScore as the `score` of the derivation."
            )
