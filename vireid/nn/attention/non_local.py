"""Attention between all positions of a feature map."""

from __future__ import annotations

from torch import Tensor, nn

from vireid.errors import SettingsError


class NonLocal(nn.Module):
    """Non-local block in its dot-product form: every position gets the mean of all positions, weighted by similarity, added to itself.

    With embeddings ``a, b, g`` of N positions, ``out = x + BN(W(y))`` where ``y_i = sum_j (a_i . b_j / N) g_j``: no softmax, so the sum
    over j is done first and the N x N matrix is never made. Weight and bias of the batch norm start at 0: the block is the identity
    until it has learnt.

    Args:
        channels: C of the input, at least 1.
        inner: channels of the embeddings; ``None`` for C / 2 as in the paper. The public code of AGW computes ``ratio // ratio``
            where it means ``C // ratio`` and so has 1: a rank-one similarity.

    Raises:
        SettingsError: a number below 1.

    Example:
        >>> import torch
        >>> NonLocal(8)(torch.ones(1, 8, 3, 3)).shape
        torch.Size([1, 8, 3, 3])

    Reference:
        Wang, Girshick, Gupta, He: Non-local Neural Networks, CVPR 2018, eq. 4; as in Ye et al.: Deep Learning for Person
        Re-identification: A Survey and Outlook, TPAMI 2021 (public code).
    """

    def __init__(self, channels: int, inner: int | None = None) -> None:
        super().__init__()
        inner = max(channels // 2, 1) if inner is None else inner
        if channels < 1 or inner < 1:
            raise SettingsError(f"`channels` and `inner` must be at least 1, got {channels} and {inner}.")
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.out = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)
        nn.init.zeros_(self.norm.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        a, b, g = (embed(x).flatten(2) for embed in (self.theta, self.phi, self.g))  # (B, inner, N)
        y = g @ (b / a.shape[2]).mT @ a  # sum_j g_j b_j, (B, inner, inner), times a_i; divided first, as half precision overflows
        shaped: Tensor = self.norm(self.out(y.unflatten(2, x.shape[2:])))
        return x + shaped
