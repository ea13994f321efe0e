"""Reasoning over channels: every channel is a node that gathers from the channels least like it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vireid.nn.reporting import Reporting


class ChannelGraph(Reporting):
    """``gamma * (A X) + X`` with ``A = softmax_rows(-X Y^T)`` over the ``c`` channels of a map flattened to ``(c, N)``.

    The minus sign gives the largest weights to the least similar channels, as in the published code. In training it reports ``A``
    ``(rows, c, c)``. With ``gamma`` 0, where it starts, it is the identity.

    Args:
        scaled: divide ``X Y^T`` by N, its number of summands. The published code does not, so that on large maps each row of ``A`` tends to
            one channel.
        report_name: key of ``A`` among the extras of the network's output, for :class:`~vireid.losses.AttentionAlignment`.
        only_in_evaluation: leave the graph out in training and use it in evaluation, as the released training path does. Then ``gamma`` is
            not trained and stays 0, so the graph changes nothing unless other weights are loaded.

    Example:
        >>> ChannelGraph()(torch.ones(1, 2, 3, 3)).shape  # the identity at first
        torch.Size([1, 2, 3, 3])

    Reference:
        Feng, Chen, Ji, Wu, Sun: Efficient Cross-modality Graph Reasoning for RGB-Infrared Person Re-identification, IEEE Signal
        Processing Letters 2021 (public code); the attention is that of Fu et al.: Dual Attention Network for Scene Segmentation, CVPR 2019.
    """

    def __init__(self, scaled: bool = False, report_name: str = "channel_attention", only_in_evaluation: bool = False) -> None:
        super().__init__(report_name)
        self.scaled, self.only_in_evaluation = scaled, only_in_evaluation
        self.gamma = nn.Parameter(torch.zeros(1), requires_grad=not only_in_evaluation)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """``(B, c, H, W)``; values always come from ``x``.

        Args:
            x: ``(B, c, H, W)``.
            other: Y of the same shape; ``None`` for ``x`` itself.
        """
        if self.training and self.only_in_evaluation:
            return x
        attention = self.attention(x, other)
        if self.training:
            self.report = attention
        gathered = (attention @ _nodes(x).to(attention.dtype)).reshape(x.shape)
        return self.gamma * gathered.to(x.dtype) + x

    def attention(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """``(B, c, c)`` with rows that sum to 1; in float32 under mixed precision, as sums over all pixels overflow in float16."""
        with torch.autocast(x.device.type, enabled=False):
            nodes = _nodes(x)
            energy = nodes @ (nodes if other is None else _nodes(other)).mT
            return (-energy / nodes.shape[2] if self.scaled else -energy).softmax(dim=-1)


def _nodes(x: Tensor) -> Tensor:
    """``(B, c, H, W)`` to ``(B, c, N)`` in float32 or float64."""
    return (x if x.dtype == torch.float64 else x.float()).flatten(2)
