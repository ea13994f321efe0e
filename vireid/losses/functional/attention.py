"""Agreement of attention between modalities."""

from __future__ import annotations

from torch import Tensor

from vireid.losses.functional.distances import full_precision, no_autocast


def attention_alignment(visible: Tensor, infrared: Tensor) -> Tensor:
    """Mean absolute difference of the attention maps of paired images.

    Gradients flow to both sides. Where rows of the maps sum to 1 over ``c`` entries the mean is at most ``2 / c``.

    Args:
        visible, infrared: ``(n, ...)`` maps of equal shape; row i of both is the same identity.

    Returns:
        Scalar, unweighted, at least 0.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> import torch
        >>> attention_alignment(torch.eye(2)[None], torch.full((1, 2, 2), 0.5))
        tensor(0.5000)

    Reference:
        Feng et al.: Efficient Cross-modality Graph Reasoning for RGB-Infrared Person Re-identification, IEEE Signal Processing Letters
        2021; commented out in the released training code.
    """
    if visible.shape != infrared.shape or visible.ndim < 2:
        raise ValueError(
            f"Attention maps of the two modalities must have the same shape, because row i of both must be the same identity; "
            f"got {tuple(visible.shape)} and {tuple(infrared.shape)}."
        )
    with no_autocast(visible):
        return (full_precision(visible) - full_precision(infrared)).abs().mean()
