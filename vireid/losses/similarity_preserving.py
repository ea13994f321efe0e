"""Correlation consistency between modalities."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss, check_modalities
from vireid.losses.checks import check_pair
from vireid.losses.distances import FLOOR, full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs


def similarity_preserving(visible: Tensor, infrared: Tensor) -> Tensor:
    """Mean squared difference of the row-normalised similarity matrices of the two modalities.

    Rows are paired by position: row i of both must show the same identity. Gradients flow to both sides.

    Args:
        visible: ``(n, d)`` embeddings, any scale.
        infrared: ``(n, d)`` embeddings.

    Returns:
        Scalar without weight, 0 to 4/n.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import torch
        >>> visible = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> similarity_preserving(visible, torch.tensor([[0.0, 2.0], [2.0, 0.0]]))  # same relations, another basis
        tensor(0.)

    Reference:
        Fu et al.: CM-NAS, ICCV 2021 (correlation consistency); after Tung, Mori: Similarity-Preserving Knowledge Distillation, ICCV 2019.
    """
    check_pair(visible, infrared)
    with no_autocast(visible):
        v, t = full_precision(visible), full_precision(infrared)
        difference = F.normalize(v @ v.mT, dim=1, eps=FLOOR) - F.normalize(t @ t.mT, dim=1, eps=FLOOR)
        return difference.square().mean()


class SimilarityPreserving(Loss):
    """Module of :func:`~vireid.losses.functional.similarity_preserving`.

    Args:
        weight: factor of this term in the sum of losses, at least 0; 5 in CM-NAS.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, weight: float = 5.0, on: Level = "embeddings", name: str = "sp") -> None:
        super().__init__(weight, name)
        self.on = on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one modality only.
        """
        check_modalities(self, output)
        return similarity_preserving(output.visible.level(self.on), output.infrared.level(self.on))
