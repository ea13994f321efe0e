"""Correlation between the features of paired images."""

from __future__ import annotations

from torch import Tensor

from vireid.losses.base import Loss, check_modalities
from vireid.losses.checks import check_pair
from vireid.losses.distances import FLOOR, full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs


def cross_correlation(
    visible: Tensor, infrared: Tensor, off_diagonal: float = 0.051, divisor: float = 2048.0, standardise: bool = False
) -> Tensor:
    """Distance of the correlation matrix between the features of paired images from the identity matrix.

    ``(sum_i (c_ii - 1)^2 + off_diagonal * sum_{i != j} c_ij^2) / divisor`` with ``c = V^T T / (2 n)``. The matrix ``c`` is never
    built. The sum of its squares is computed as the sum of the products of two ``(n, n)`` Gram matrices.

    Args:
        visible, infrared: ``(n, d)`` features; row i of both shows the same identity.
        off_diagonal: weight of the entries off the diagonal, at least 0.
        divisor: divides the whole sum, above 0; published 2048 for any d.
        standardise: whether every dimension of each modality gets mean 0 and standard deviation 1 over its rows first, as in Barlow
            Twins. Then ``c = V^T T / n``, and its entries are correlations in [-1, 1]. The published code takes raw features and counts the
            rows of both modalities, so that the loss also sets the scale of the features.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: the shapes differ, or ``divisor`` is not above 0.

    Example:
        >>> import torch
        >>> visible = 2 * torch.eye(2)
        >>> cross_correlation(visible, visible, divisor=1.0), cross_correlation(visible, visible.flip(0), off_diagonal=0.5, divisor=1.0)
        (tensor(0.), tensor(3.))

    Reference:
        Feng et al., arXiv 2109.08811 (public code); after Zbontar, Jing, Misra, LeCun, Deny: Barlow Twins, ICML 2021.
    """
    check_pair(visible, infrared)
    check_divisor(off_diagonal, divisor)
    with no_autocast(visible):
        v, t = full_precision(visible), full_precision(infrared)
        rows = 2 * v.shape[0]
        if standardise:
            v, t, rows = _standardised(v), _standardised(t), v.shape[0]
        diagonal = (v * t).sum(0) / rows
        squares = ((v @ v.mT) * (t @ t.mT)).sum() / rows**2
        return ((diagonal - 1).square().sum() + off_diagonal * (squares - diagonal.square().sum())) / divisor


def check_divisor(off_diagonal: float, divisor: float) -> None:
    """Raise ``ValueError`` if ``off_diagonal`` or ``divisor`` is out of range."""
    if not (off_diagonal >= 0 and divisor > 0):
        raise ValueError(f"`off_diagonal` must be at least 0 and `divisor` above 0, got {off_diagonal} and {divisor}.")


class CrossCorrelation(Loss):
    """Module of :func:`~vireid.losses.functional.cross_correlation`. Row i of both modalities must show the same identity.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        off_diagonal: weight of the entries off the diagonal, at least 0.
        divisor: divides the whole sum, above 0; published: 2048, for any number of dimensions.
        standardise: whether every dimension of each modality gets mean 0 and standard deviation 1 over its rows first, as in Barlow
            Twins; the published code takes raw features.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        weight: float = 1.0,
        off_diagonal: float = 0.051,
        divisor: float = 2048.0,
        standardise: bool = False,
        on: Level = "features",
        name: str = "cross_correlation",
    ) -> None:
        super().__init__(weight, name)
        check_divisor(off_diagonal, divisor)
        self.off_diagonal = float(off_diagonal)
        self.divisor = float(divisor)
        self.standardise = standardise
        self.on = on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one modality only.
        """
        check_modalities(self, output)
        rows, n = output.level(self.on), output.n_visible
        return cross_correlation(rows[:n], rows[n:], self.off_diagonal, self.divisor, self.standardise)


def _standardised(rows: Tensor) -> Tensor:
    centred = rows - rows.mean(0)
    return centred / (centred.square().mean(0) + FLOOR).sqrt()
