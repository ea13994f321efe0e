"""How far the modalities are apart at every site, as a diagnostic of where normalisation could help."""

from __future__ import annotations

from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.scores import ChildScore, ScoredChild, check_heldout


class ModalityGap(ChildScore):
    """Minus the mean over sites of how much the channels' deviations differ between the modalities.

    The gap of a site is the mean over channels of ``|log(deviation of visible rows / deviation of infrared rows)|`` of what reaches its
    normalisation. With every site shared it says where the modalities differ; with every site separate, what remains at a site after all
    before it were separated, which is a hint that a late separation pays. It is a hint, and no score to choose by.

    Args:
        batches: batches of held-out people, at least 1; not augmented, normalised by their own statistics.
        shared: arguments that all scores take.

    Raises:
        SettingsError: fewer batches.
    """

    def __init__(self, batches: int = 4, **shared: Any) -> None:
        super().__init__(**shared)
        if batches < 1:
            raise SettingsError(f"`batches` of ModalityGap must be at least 1, got {batches}.")
        self.batches = batches

    def measure(self, child: ScoredChild) -> Measured:
        return child.modality_gap(self.batches)

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        check_heldout(datamodule, "ModalityGap")
