"""Losses that make the two modalities agree on the same identities (C3MMD of CM-NAS)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.functional.checks import check_pair
from vireid.losses.functional.distances import FLOOR, full_precision, no_autocast


def similarity_preserving(visible: Tensor, infrared: Tensor) -> Tensor:
    """Mean squared difference of the row-normalised similarity matrices of the two modalities.

    Rows are matched by position: row i of both must be the same identity. Gradients flow to both sides.

    Args:
        visible: ``(n, d)`` embeddings, any scale.
        infrared: ``(n, d)`` embeddings.

    Returns:
        Scalar, unweighted, 0 to 4/n.

    Raises:
        ValueError: shapes that differ.

    Example:
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


def class_mmd(visible: Tensor, infrared: Tensor, k: int) -> Tensor:
    """Squared maximum mean discrepancy between the modalities of each identity, averaged over identities.

    Rows are divided by their L2 norm; the kernel is ``(a.b)^2``; the estimator is the biased one (all k^2 pairs).

    Args:
        visible: ``(P * k, d)`` embeddings, identities in runs of ``k`` rows.
        infrared: ``(P * k, d)`` embeddings, the same identities in the same runs.
        k: images per identity and modality, at least 1.

    Returns:
        Scalar, unweighted, 0 to 2.

    Raises:
        ValueError: shapes that differ, or rows that are not a multiple of ``k``.

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


def _mean_kernel(first: Tensor, second: Tensor) -> Tensor:
    """``(P,)`` mean of ``(a.b)^2`` over all pairs of rows of each group; both ``(P, k, d)``."""
    return torch.matmul(first, second.mT).square().mean(dim=(1, 2))
