"""Agreement of attention between modalities."""

from __future__ import annotations

from torch import Tensor

from vireid.errors import SettingsError
from vireid.losses.base import Loss, check_modalities
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import LossInputs


def attention_alignment(visible: Tensor, infrared: Tensor) -> Tensor:
    """Mean absolute difference of the attention maps of paired images.

    Gradients flow to both sides. If each row of the maps has ``c`` entries that sum to 1, the mean is at most ``2 / c``.

    Args:
        visible, infrared: ``(n, ...)`` maps of equal shape; row i of both shows the same identity.

    Returns:
        Scalar without weight, at least 0.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import torch
        >>> attention_alignment(torch.eye(2)[None], torch.full((1, 2, 2), 0.5))
        tensor(0.5000)

    Reference:
        Feng et al.: Efficient Cross-modality Graph Reasoning for RGB-Infrared Person Re-identification, IEEE Signal Processing Letters
        2021. The released training code has this term, but commented out.
    """
    if visible.shape != infrared.shape or visible.ndim < 2:
        raise ValueError(
            f"Attention maps of the two modalities must have the same shape, because row i of both must be the same identity; "
            f"got {tuple(visible.shape)} and {tuple(infrared.shape)}."
        )
    with no_autocast(visible):
        return (full_precision(visible) - full_precision(infrared)).abs().mean()


class AttentionAlignment(Loss):
    """Module of :func:`~vireid.losses.functional.attention_alignment`; reads attention maps among the network's extras.

    Args:
        weight: factor of this term in the sum of losses, at least 0; 10 in lines of CGRNet's code that are commented out.
        attention: name of the attention maps. It is the ``report_name`` of the layers that return them.
        name: name under which this term is logged.

    If the network has several branches, the term is added once for every branch.
    """

    def __init__(self, weight: float = 10.0, attention: str = "channel_attention", name: str = "attention") -> None:
        super().__init__(weight, name)
        self.attention = attention

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the network has no such maps, the numbers of visible and infrared rows differ, or there are several views.
        """
        check_modalities(self, output)
        maps = output.extra(self.attention, "`model.init_args.trunk_parts` to vireid.models.ChannelGraphs, before any TwoStreams")
        if 2 * output.n_visible != len(maps):
            raise SettingsError(
                f"`AttentionAlignment` pairs visible with infrared rows of the same identity, but the batch has {output.n_visible} and "
                f"{len(maps) - output.n_visible}. Use an augmentation without views."
            )
        return attention_alignment(maps[: output.n_visible], maps[output.n_visible :])
