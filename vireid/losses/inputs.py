"""What a network gives to the losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Level = Literal["features", "embeddings"]


@dataclass(frozen=True)
class LossInputs:
    """One batch after the network: visible rows first, then infrared rows.

    Attributes:
        features: ``(B, D)`` before the neck.
        embeddings: ``(B, D)`` after the neck, what retrieval compares.
        logits: ``(B, C)`` classifier output, or ``None`` where there are no classes (held-out identities).
        labels: ``(B,)`` class indices.
        n_visible: number of visible rows, 0..B.
        k: images per identity and modality; identities come in runs of ``k`` rows.

    Raises:
        ValueError: numbers of rows that do not fit.
    """

    features: Tensor
    embeddings: Tensor
    logits: Tensor | None
    labels: Tensor
    n_visible: int
    k: int = 1

    def __post_init__(self) -> None:
        rows = self.features.shape[0]
        for name in ("embeddings", "logits", "labels"):
            value = getattr(self, name)
            if value is not None and (value.ndim == 0 or value.shape[0] != rows):
                raise ValueError(f"`{name}` must have one row for each of the {rows} `features`, got shape {tuple(value.shape)}.")
        if not 0 <= self.n_visible <= rows:
            raise ValueError(f"`n_visible` must be 0 to {rows}, the number of rows, got {self.n_visible}.")
        if self.k < 1:
            raise ValueError(f"`k` must be at least 1, got {self.k}.")

    @property
    def visible(self) -> LossInputs:
        """The visible rows alone."""
        return self._rows(slice(None, self.n_visible), self.n_visible)

    @property
    def infrared(self) -> LossInputs:
        """The infrared rows alone."""
        return self._rows(slice(self.n_visible, None), 0)

    def level(self, on: Level) -> Tensor:
        """``(B, D)`` rows before or after the neck."""
        return self.features if on == "features" else self.embeddings

    def _rows(self, rows: slice, n_visible: int) -> LossInputs:
        logits = None if self.logits is None else self.logits[rows]
        return LossInputs(self.features[rows], self.embeddings[rows], logits, self.labels[rows], n_visible, self.k)
