"""How much the modalities differ at every site: a hint where another normalisation could help."""

from __future__ import annotations

from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.scores import ChildScore, ScoredChild, check_heldout


class ModalityGap(ChildScore):
    """Minus the mean gap between the modalities over the sites. The gap compares the standard deviations of channels.

    The gap of a site is the mean over channels of ``|log(deviation of visible rows / deviation of infrared rows)|`` at the input of its
    normalisation. With every site shared, it shows where the modalities differ. With every site separate, it shows what remains at a site
    although all earlier sites are separate. Where much remains, a late separation may pay. This is a diagnostic: do not choose by it.

    Args:
        batches: number of batches of held-out people, at least 1. They are not augmented, and normalised by their own statistics.
        shared: arguments that all scores take.

    Raises:
        SettingsError: ``batches`` below 1.
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
        if getattr(datamodule, "search_split", "none") != "identity":
            raise SettingsError(
                "ModalityGap, which ZeroCost reports beside its scores, looks at batches of held-out people: set "
                "`data.init_args.search_split` to `identity`, or give ZeroCost other `scores`, such as vireid.search.RetrievalScore."
            )
        check_heldout(datamodule, "ModalityGap")
