"""Children scored by average precision in one batch with all held-out people."""

from __future__ import annotations

from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.scores import ChildScore, On, ScoredChild, check_heldout


class HeldoutAPScore(ChildScore):
    """Mean average precision across modalities in one batch with all held-out people, with queries of either modality.

    The batch has a few images of every person and modality, from different places in their lists. The child is in training mode, so it
    normalises by the statistics of this batch. Its running statistics stay as they are, and no image is augmented. It is the cheapest
    score: what counts for its error is the number of people, and each of them is run forward once. Scores of one child with the initial
    weights that ask for the same images share the pass. With several processes, every one runs the whole batch.

    Args:
        on: ``features`` (before the neck) or ``embeddings`` (after it).
        images: images of every person and modality, at least 1; fewer where a person has fewer.
        temperature: temperature of soft ranks, above 0, see :class:`SoftAPScore`; null for average precision itself, where equal cosines
            count half a rank each.
        shared: arguments that all scores take.

    Raises:
        SettingsError: a number out of range.
    """

    def __init__(self, on: On = "features", images: int = 1, temperature: float | None = 0.02, **shared: Any) -> None:
        super().__init__(**shared)
        if images < 1:
            raise SettingsError(f"`images` of HeldoutAPScore must be at least 1, got {images}.")
        if temperature is not None and not temperature > 0:
            raise SettingsError(f"`temperature` of HeldoutAPScore must be above 0, or null for hard ranks, got {temperature}.")
        self.on: On = on
        self.images, self.temperature = images, temperature

    @property
    def name(self) -> str:
        return f"{'AP' if self.temperature is None else 'SoftAP'} {self.on}"

    def measure(self, child: ScoredChild) -> Measured:
        return child.heldout_ap(self.on, self.images, self.temperature)

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        if getattr(datamodule, "validation", "none") != "heldout":
            raise SettingsError(
                "HeldoutAPScore scores children on images of held-out people: set `data.init_args.validation` to `heldout`, or choose "
                "vireid.search.SoftAPScore."
            )
        check_heldout(datamodule, "HeldoutAPScore")
