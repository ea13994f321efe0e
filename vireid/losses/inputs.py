"""Input of the losses: what a network returns for one batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from vireid.errors import SettingsError

Level = Literal["features", "embeddings"]


@dataclass(frozen=True)
class LossInputs:
    """One batch after the network: visible rows first, then infrared rows.

    Attributes:
        features: ``(B, D)`` rows before the neck.
        embeddings: ``(B, D)`` rows after the neck, which retrieval compares.
        logits: ``(B, C)`` classifier output, or ``None`` if there are no classes (held-out identities).
        labels: ``(B,)`` class indices.
        n_visible: number of visible rows, 0..B.
        k: images per identity and modality; identities come in runs of ``k`` rows.
        visible_views: number of blocks of visible rows. Each block holds the same images in the same order, augmented differently.
        extras: further ``(B, ...)`` tensors that the network returns, by name.

    Raises:
        ValueError: the numbers of rows do not fit.
    """

    features: Tensor
    embeddings: Tensor
    logits: Tensor | None
    labels: Tensor
    n_visible: int
    k: int = 1
    visible_views: int = 1
    extras: dict[str, Tensor] | None = None

    def __post_init__(self) -> None:
        rows = self.features.shape[0]
        for name in ("embeddings", "logits", "labels"):
            value = getattr(self, name)
            if value is not None and (value.ndim == 0 or value.shape[0] != rows):
                raise ValueError(f"`{name}` must have one row for each of the {rows} `features`, got shape {tuple(value.shape)}.")
        for name, value in (self.extras or {}).items():
            if value.ndim == 0 or value.shape[0] != rows:
                raise ValueError(f"The extra `{name}` must have one row for each of the {rows} `features`, got shape {tuple(value.shape)}.")
        if not 0 <= self.n_visible <= rows:
            raise ValueError(f"`n_visible` must be 0 to {rows}, the number of rows, got {self.n_visible}.")
        if self.k < 1:
            raise ValueError(f"`k` must be at least 1, got {self.k}.")
        if self.visible_views < 1 or self.n_visible % self.visible_views:
            raise ValueError(f"`visible_views` must divide the {self.n_visible} visible rows, got {self.visible_views}.")

    @property
    def visible(self) -> LossInputs:
        """The visible rows alone."""
        return self._rows(slice(None, self.n_visible), self.n_visible, self.visible_views)

    def view(self, index: int) -> LossInputs:
        """The visible rows of view ``index``, counted from 0.

        Raises:
            SettingsError: the batch has fewer views.
        """
        if not 0 <= index < self.visible_views:
            raise SettingsError(
                f"A loss needs {index + 1} views of every visible image, the batch has {self.visible_views}. "
                "Set `data.init_args.augmentation` to one that gives them, such as vireid.data.ChannelAugmentation."
            )
        rows = self.n_visible // self.visible_views
        return self._rows(slice(index * rows, (index + 1) * rows), rows)

    @property
    def infrared(self) -> LossInputs:
        """The infrared rows alone."""
        return self._rows(slice(self.n_visible, None), 0)

    def level(self, on: Level) -> Tensor:
        """``(B, D)`` rows before or after the neck."""
        return self.features if on == "features" else self.embeddings

    def extra(self, name: str, giver: str) -> Tensor:
        """The further ``(B, ...)`` tensor of this name.

        Args:
            name: name of the tensor among ``extras``.
            giver: setting that makes a network return it, for the message.

        Raises:
            SettingsError: the network does not return it.
        """
        if self.extras is None or name not in self.extras:
            raise SettingsError(f"A loss needs `{name}`, which this network does not give. Set {giver}.")
        return self.extras[name]

    def _rows(self, rows: slice, n_visible: int, visible_views: int = 1) -> LossInputs:
        logits = None if self.logits is None else self.logits[rows]
        extras = None if self.extras is None else {name: value[rows] for name, value in self.extras.items()}
        parts = (self.features[rows], self.embeddings[rows], logits, self.labels[rows])
        return LossInputs(*parts, n_visible, self.k, visible_views, extras)
