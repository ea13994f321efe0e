"""Triplets of the centres of identities in each modality."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.losses.functional.checks import check_labels, check_pair
from vireid.losses.functional.distances import full_precision, no_autocast
from vireid.losses.functional.triplet import batch_hard_triplet


def hetero_centre_triplet(visible: Tensor, infrared: Tensor, labels: Tensor, k: int, margin: float = 0.3) -> Tensor:
    """Batch-hard triplet loss over the centres of every identity in each modality.

    Args:
        visible, infrared: ``(P * k, d)`` features, any scale, the same identities in the same runs of ``k`` rows.
        labels: ``(P * k,)`` integers, of both modalities.
        k: images per identity and modality, at least 1.
        margin: see :func:`hard_triplet`.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: shapes that do not fit, or rows that are not a multiple of ``k``.

    Example:
        >>> visible = torch.tensor([[0.0], [2.0], [4.0], [6.0]])  # centres 1 and 5; infrared 2 and 6
        >>> hetero_centre_triplet(visible, visible + 1, torch.tensor([0, 0, 1, 1]), k=2, margin=3.0)
        tensor(0.5000)

    Reference:
        Feng et al.: Homogeneous and Heterogeneous Relational Graph for Visible-infrared Person Re-identification, arXiv 2109.08811
        (public code); after Liu, Tan, Zhou: Parameter Sharing Exploration and Hetero-Center Triplet Loss, TMM 2020.
    """
    check_pair(visible, infrared)
    check_labels("labels", labels, visible, "visible")
    if k < 1 or visible.shape[0] % k:
        raise ValueError(f"Identities must come in runs of `k` rows per modality: {visible.shape[0]} rows are not a multiple of k={k}.")
    with no_autocast(visible):
        rows = torch.cat((full_precision(visible), full_precision(infrared)))
        centres = rows.reshape(-1, k, rows.shape[1]).mean(dim=1)
        return batch_hard_triplet(centres, labels[::k].repeat(2), margin)
