"""Class-specific maximum mean discrepancy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss, check_modalities
from vireid.losses.checks import check_pair
from vireid.losses.distances import FLOOR, full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs


def class_mmd(visible: Tensor, infrared: Tensor, k: int) -> Tensor:
    """Squared maximum mean discrepancy between the modalities of each identity, averaged over identities.

    Rows are divided by their L2 norm; the kernel is ``(a.b)^2``; the estimator is the biased one (all k^2 pairs).

    Args:
        visible: ``(P * k, d)`` embeddings; each identity is a run of ``k`` rows.
        infrared: ``(P * k, d)`` embeddings, the same identities in the same runs.
        k: images per identity and modality, at least 1.

    Returns:
        Scalar without weight, 0 to 2.

    Raises:
        ValueError: the shapes differ, or the number of rows is not a multiple of ``k``.

    Example:
        >>> visible = torch.eye(2).repeat_interleave(2, dim=0)
        >>> class_mmd(visible, visible, k=2), class_mmd(visible, visible.flip(0), k=2)
        (tensor(0.), tensor(2.))

    Reference:
        Fu et al.: CM-NAS, ICCV 2021 (class-specific MMD); Gretton et al.: A Kernel Two-Sample Test, JMLR 2012, eq. 5.
    """
    check_pair(visible, infrared)
    if k < 1 or visible.shape[0] % k:
        raise ValueError(f"Identities must come in runs of `k` rows per modality: {visible.shape[0]} rows are not a multiple of k={k}.")
    with no_autocast(visible):
        v = F.normalize(full_precision(visible), eps=FLOOR).reshape(-1, k, visible.shape[1])
        t = F.normalize(full_precision(infrared), eps=FLOOR).reshape(-1, k, visible.shape[1])
        return (_mean_kernel(v, v) + _mean_kernel(t, t) - 2 * _mean_kernel(v, t)).mean()


class ClassMMD(Loss):
    """Module of :func:`~vireid.losses.functional.class_mmd`. Every run of ``LossInputs.k`` rows is one identity.

    Args:
        weight: factor of this term in the sum of losses, at least 0; 0.05 in CM-NAS.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, weight: float = 0.05, on: Level = "embeddings", name: str = "cmmd") -> None:
        super().__init__(weight, name)
        self.on = on

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one modality only.
        """
        check_modalities(self, output)
        return class_mmd(output.visible.level(self.on), output.infrared.level(self.on), output.k)


def _mean_kernel(first: Tensor, second: Tensor) -> Tensor:
    """``(P,)`` mean of ``(a.b)^2`` over all pairs of rows of each group; both ``(P, k, d)``."""
    return torch.matmul(first, second.mT).square().mean(dim=(1, 2))
